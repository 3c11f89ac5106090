import { defineConfig, mergeConfig } from 'vitest/config';
import base from './gates.config.ts';

/**
 * Planted faults for the drills of the full profile. CI does not run them, because a drill takes up to a minute.
 *
 *   npm run test:gates:full -- --outputFile.faults=docs/results/planted-faults-full.md
 */
const document = {
  command: 'npm run test:gates:full',
  folder: 'test/gates/full/faults/',
  path: 'docs/results/planted-faults-full.md',
};

const full = mergeConfig(base, defineConfig({ test: { testTimeout: 240_000 } }));
full.test.include = ['test/gates/full/*.gates.ts'];
full.test.reporters = ['default', ['./test/gates/table-reporter.ts', document]];

export default full;
