import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests on a real Docker engine, one file after the other: they share its networks, ports and this machine's two cores.
 * `npm run test:engine` builds the images once before them.
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    // The tests of the room that need no engine are here again, for the coverage.
    include: ['test/**/*.engine.ts', 'test/infra/docker/*.test.ts'],
    setupFiles: ['test/support/unhandled-errors.ts'],
    globalSetup: ['test/support/engine-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    coverage: {
      provider: 'v8',
      include: ['infra/docker/**/*.ts'],
      // Runs in a process of cdktf's.
      exclude: ['infra/docker/app.ts'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'coverage/engine',
      thresholds: { lines: 80, branches: 80 },
    },
    retry: 0,
    // Its own sweeper is an image that no registry gives here; the tests stop what they start.
    env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
  },
});
