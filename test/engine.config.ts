import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests on a real Docker engine, one file after the other: they share its networks, ports and this machine's two cores.
 * `npm run test:engine` builds the images once before them.
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    include: ['test/**/*.engine.ts'],
    globalSetup: ['test/support/engine-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    retry: 0,
    // Its own sweeper is an image that no registry gives here; the tests stop what they start.
    env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
  },
});
