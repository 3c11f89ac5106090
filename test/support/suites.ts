/** Suites and reporters that several vitest configurations use. */

/**
 * Suites that judge entire runs hundreds of times. Coverage slows down the judge by a factor of three or more, and
 * other suites cover the same code, so `test/evidence.config.ts` runs these suites without coverage.
 */
export const EVIDENCE_SUITES = [
  'test/harness/broken-evidence.test.ts',
  'test/harness/evidence/accounting.test.ts',
  'test/harness/gates/histories.test.ts',
  'test/harness/integrity.test.ts',
  'test/harness/judge.test.ts',
  'test/harness/not-earned.test.ts',
  'test/harness/mutations/mutations.test.ts',
  'test/harness/reports/text-formats.test.ts',
];

const SLOWEST_FILES = './test/support/slowest-files.ts';

/**
 * Reporters of a run. If `KIT_TEST_RESULTS` names a folder for machine-readable results, as in CI, they are written
 * there, and the slowest files are printed.
 */
export function resultReporters(
  name: string,
): ['default', ...(['json', { outputFile: string }] | typeof SLOWEST_FILES)[]] {
  const folder = process.env.KIT_TEST_RESULTS;
  return folder === undefined
    ? ['default']
    : ['default', ['json', { outputFile: `${folder}/${name}.json` }], SLOWEST_FILES];
}
