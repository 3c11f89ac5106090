import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Planted faults, each run for real: one file after the other, because their drills measure times on the same cores.
 *
 *   npm run test:gates                                                      runs them and prints the table
 *   npm run test:gates -- --outputFile.faults=docs/results/planted-faults.md   writes it, too
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    include: ['test/gates/*.gates.ts'],
    setupFiles: ['test/support/unhandled-errors.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/gates/table-reporter.ts'],
    testTimeout: 90_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    retry: 0,
  },
});
