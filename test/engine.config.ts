import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests on a real Docker engine. The files run one after the other, because they share the engine's images, networks
 * and ports, and the two cores of this machine. In parallel, one test would remove images that another one deploys, and
 * a busy machine would cause a failover in the middle of a deploy. `npm run test:engine` builds the images once before
 * the tests.
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    // The tests in the Docker folder that need no engine also run, because they count towards coverage.
    include: ['test/**/*.engine.ts', 'test/infra/substrates/docker/*.test.ts'],
    setupFiles: ['test/support/unhandled-errors.ts', 'test/support/kept-code.ts'],
    globalSetup: ['test/support/engine-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    coverage: {
      provider: 'v8',
      include: ['infra/substrates/docker/**/*.ts'],
      // cdktf starts this module in a separate process, where coverage is not measured.
      exclude: ['infra/substrates/docker/app.ts'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'coverage/engine',
      thresholds: { lines: 80, branches: 80 },
    },
    retry: 0,
    // The image of the testcontainers cleanup container is not available offline; the tests stop the containers that
    // they start.
    env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
  },
});
