/**
 * Counts test results from vitest's JSON report. Prints `<passed> <failed>` to stdout and details to stderr. A test
 * file that did not run, has no tests, or skipped one counts as a failure. Tests on a Docker engine (`tests.ts FILE
 * .engine.ts`) may be skipped if there is no engine or Terraform has no plugin; other tests if npm cannot be reached or
 * a server version cannot be installed. Each skipped test has its reason in its title.
 *
 *   tests.ts <results,…> <suffix>            print the counts; suffix: .test.ts, .engine.ts or .gates.ts
 *   tests.ts <results,…> <suffix> --skipped  print the skipped tests with their reasons
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';

interface Results {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const [results = '', suffix = '.test.ts', mode] = process.argv.slice(2);

function resultsOf(files: string): ReadonlyMap<string, Results['testResults'][number]> {
  const existing = files.split(',').filter((file) => existsSync(file));
  const all = existing.flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as Results).testResults);
  return new Map(all.map((each) => [relative(resolve('.'), each.name), each]));
}

/** Allowed reasons for a skipped test, as in its title. */
const REASONS =
  suffix === '.engine.ts'
    ? ['[skipped: ']
    : ['[skipped: npm cannot be reached', '[skipped: KIT_TEST_SERVERS has no such server'];

/**
 * Tests that CI does not run: planted faults for drills of profile full (`npm run test:gates:full`), and rare paths on a
 * Docker engine (`npm run test:engine:full`).
 */
const BY_HAND = ['gates/full/', 'infra/substrates/docker/full/'];

const byFile = resultsOf(results);
const expected = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith(suffix) && !BY_HAND.some((folder) => path.startsWith(folder)))
  .map((path) => `test/${path}`);

let passed = 0;
const skipped: string[] = [];
const problems: string[] = [];
for (const path of expected) {
  const file = byFile.get(path);
  const tests = file?.assertionResults ?? [];
  if (tests.length === 0) {
    problems.push(
      file === undefined
        ? `${path}: did not run`
        : `${path}: has no test (${file.message ?? 'no reason given'})`,
    );
  }
  for (const { status, fullName } of tests) {
    if (status === 'passed') passed += 1;
    else if (REASONS.some((reason) => fullName.includes(reason)))
      skipped.push(`skipped: ${path}: ${fullName}`);
    else problems.push(`${path}: ${fullName}: ${status}`);
  }
}
if (expected.length === 0) problems.push('test: no test files');

const skippedLines = skipped.map((line) => `${line}\n`).join('');
if (mode === '--skipped') {
  process.stdout.write(skippedLines);
} else {
  process.stderr.write(skippedLines);
  for (const problem of problems) process.stderr.write(`not ok: ${problem}\n`);
  process.stderr.write(`${expected.length} test files, ${passed} tests passed, ${skipped.length} skipped\n`);
  process.stdout.write(`${passed} ${problems.length}\n`);
}
