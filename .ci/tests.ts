/**
 * Counts what the tests did, from vitest's JSON: `<passed> <failed>` on stdout, words on stderr. A test file of the
 * checkout that did not run, that has no test, or that left one out is a failure: what should have run did. Tests on a Docker
 * engine (`tests.ts FILE .engine.ts`) may be skipped where there is no engine, or Terraform has no plugin, others where npm cannot
 * be reached: each is named with that reason.
 *
 *   tests.ts <results> <suffix> [<second results>]              the count; a test that failed counts as it is in the second
 *   tests.ts <results> <suffix> <second results> --remarks      what could not run, and what passed only the second time
 *   tests.ts <results> <suffix> --failed                        the files of tests that failed, where nothing else is wrong
 *
 * The second run is of those files, one after the other: what is broken stays broken, what two files at a time on two cores
 * did passes, and is named in the last lines all the same.
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

const [first = '', suffix = '.test.ts', second = '', mode] = process.argv.slice(2);

function resultsOf(file: string): ReadonlyMap<string, Results['testResults'][number]> {
  const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as Results;
  return new Map(testResults.map((each) => [relative(resolve('.'), each.name), each]));
}

const byFile = resultsOf(first);
const again: ReturnType<typeof resultsOf> = existsSync(second) ? resultsOf(second) : new Map();
const expected = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith(suffix))
  .map((path) => `test/${path}`);

let passed = 0;
const skipped: string[] = [];
const unsteady: string[] = [];
const problems: string[] = [];
const failedFiles = new Set<string>();
let missing = expected.length === 0;
for (const path of expected) {
  const file = byFile.get(path);
  const tests = file?.assertionResults ?? [];
  if (tests.length === 0) {
    missing = true;
    problems.push(
      file === undefined
        ? `${path}: did not run`
        : `${path}: has no test (${file.message ?? 'no reason given'})`,
    );
  }
  for (const { status, fullName } of tests) {
    const later = again.get(path)?.assertionResults.find((test) => test.fullName === fullName);
    if (status === 'passed') passed += 1;
    else if (fullName.includes(suffix === '.engine.ts' ? '[skipped: ' : '[skipped: npm cannot be reached'))
      skipped.push(`skipped: ${path}: ${fullName}`);
    else if (later?.status === 'passed') {
      passed += 1;
      unsteady.push(`passed only the second time, by itself: ${path}: ${fullName}`);
    } else {
      failedFiles.add(path);
      problems.push(`${path}: ${fullName}: ${status}`);
    }
  }
}
if (expected.length === 0) problems.push('test: no test files');

if (second === '--failed') {
  process.stdout.write(missing ? '' : [...failedFiles].join(' '));
} else if (mode === '--remarks') {
  for (const line of [...unsteady, ...skipped]) process.stdout.write(`${line}\n`);
} else {
  for (const line of [...unsteady, ...skipped]) process.stderr.write(`${line}\n`);
  for (const problem of problems) process.stderr.write(`not ok: ${problem}\n`);
  process.stderr.write(`${expected.length} test files, ${passed} tests passed, ${skipped.length} skipped\n`);
  process.stdout.write(`${passed} ${problems.length}\n`);
}
