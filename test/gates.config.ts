import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Planted faults, each run for real. The three files run side by side: their drills wait most of the time (170 s of CPU
 * in 470 s, `time npm run test:gates` with one file after the other), and a fault must also fail its criterion on
 * a busy machine.
 *
 *   npm run test:gates                                                      runs them and prints the table
 *   npm run test:gates -- --outputFile.faults=docs/results/planted-faults.md   writes it as well
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    include: ['test/gates/*.gates.ts'],
    setupFiles: ['test/support/unhandled-errors.ts', 'test/support/kept-code.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/gates/table-reporter.ts'],
    testTimeout: 90_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    retry: 0,
  },
});
