import { mergeConfig } from 'vitest/config';
import { engineTests } from './engine.config.ts';

/**
 * All tests on a Docker engine: those of `npm run test:engine`, and the tests of rare paths in the folders `full/`, which
 * CI does not run.
 *
 *   npm run test:engine:full -- --outputFile.files=docs/results/engine-tests.md
 */
export default mergeConfig(engineTests(true), {
  test: {
    reporters: ['default', ['./test/support/slowest-files.ts', { command: 'npm run test:engine:full' }]],
  },
});
