/**
 * Counts what the tests did, from vitest's JSON: `<passed> <failed>` on stdout, words on stderr. A test file of the
 * checkout that did not run, that has no test, or that left one out is a failure: what should have run did. Tests on a Docker
 * engine (`tests.ts FILE .engine.ts`) may be skipped where there is no engine, or Terraform has no plugin, others where npm cannot
 * be reached: each is named with that reason; `tests.ts FILE .engine.ts --skipped` prints nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';

interface Results {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const results = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Results;
const suffix = process.argv[3] ?? '.test.ts';
const expected = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith(suffix))
  .map((path) => `test/${path}`);
const byFile = new Map(results.testResults.map((file) => [relative(resolve('.'), file.name), file]));

let passed = 0;
const skipped: string[] = [];
const problems: string[] = [];
for (const path of expected) {
  const file = byFile.get(path);
  const tests = file?.assertionResults ?? [];
  if (file === undefined) problems.push(`${path}: did not run`);
  else if (tests.length === 0) problems.push(`${path}: has no test (${file.message ?? 'no reason given'})`);
  for (const { status, fullName } of tests) {
    if (status === 'passed') passed += 1;
    else if (fullName.includes(suffix === '.engine.ts' ? '[skipped: ' : '[skipped: npm cannot be reached'))
      skipped.push(`skipped: ${path}: ${fullName}`);
    else problems.push(`${path}: ${fullName}: ${status}`);
  }
}
if (expected.length === 0) problems.push('test: no test files');

if (process.argv[4] === '--skipped') {
  for (const line of skipped) process.stdout.write(`${line}\n`);
  process.exit(0);
}
for (const line of skipped) process.stderr.write(`${line}\n`);
for (const problem of problems) process.stderr.write(`not ok: ${problem}\n`);
process.stderr.write(`${expected.length} test files, ${passed} tests passed, ${skipped.length} skipped\n`);
process.stdout.write(`${passed} ${problems.length}\n`);
