import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests on a real Docker engine, one file after the other: they share its images, networks and ports, and the two cores of
 * this machine. In parallel, one would remove the images that another deploys, and a busy machine would fail over in
 * the middle of a deploy. `npm run test:engine` builds the images once before the tests.
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    // Includes the tests of the same folder that need no engine, for the coverage.
    include: ['test/**/*.engine.ts', 'test/infra/substrates/docker/*.test.ts'],
    setupFiles: ['test/support/unhandled-errors.ts', 'test/support/kept-code.ts'],
    globalSetup: ['test/support/engine-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    coverage: {
      provider: 'v8',
      include: ['infra/substrates/docker/**/*.ts'],
      // Runs in its own process, started by cdktf.
      exclude: ['infra/substrates/docker/app.ts'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'coverage/engine',
      thresholds: { lines: 80, branches: 80 },
    },
    retry: 0,
    // The image of its own cleanup container is in no registry here; the tests stop the containers that they start.
    env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
  },
});
