/** Suites and reporters that several configurations of vitest use. */

/**
 * Suites that judge whole runs hundreds of times. Coverage slows judging by a factor of three and more, and other suites
 * cover the same code: `test/evidence.config.ts` runs these without it.
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

/** Results for programs: `KIT_TEST_RESULTS` names their folder. */
export function resultReporters(name: string): ['default', ...['json', { outputFile: string }][]] {
  const folder = process.env.KIT_TEST_RESULTS;
  return folder === undefined ? ['default'] : ['default', ['json', { outputFile: `${folder}/${name}.json` }]];
}
