/** `npm test` with programs in place of `vitest` and `npm` that print a line and end with an exit code. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'run-all-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function place(name: string, script: string): void {
  writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, name), 0o755);
}

function runAll() {
  const env = { ...process.env, PATH: [dir, process.env.PATH].join(delimiter) };
  const { status, stdout } = spawnSync(process.execPath, [resolve('test/run-all.ts')], {
    encoding: 'utf8',
    env,
  });
  return { status, lines: stdout.trim().split('\n') };
}

/** The program in place of `vitest` waits for the file, and so for the other program. */
const done = () => join(dir, 'done');
beforeEach(() => {
  rmSync(done(), { force: true });
  place('npm', `echo "evidence: $* at $(nice)"; touch '${done()}'`);
  place('vitest', `until [ -e '${done()}' ]; do sleep 0.05; done; echo "tests: $*"`);
});

it('npm test runs both suites at the same time, the evidence suites with a lower priority, and prints them last', () => {
  const own = spawnSync('nice', { encoding: 'utf8' }).stdout;
  const nice = Math.min(Number(own) + 10, 19);
  expect(runAll()).toEqual({
    status: 0,
    lines: ['tests: run --coverage', `evidence: run --silent test:evidence at ${nice}`],
  });
});

it.each([
  ['vitest', 3],
  ['npm', 4],
])('npm test fails if %s fails, and prints the output of both', (program, code) => {
  place(program, `touch '${done()}'; echo output of ${program}; exit ${code}`);
  const { status, lines } = runAll();
  expect(status).toBe(code);
  expect(lines).toHaveLength(2);
  expect(lines).toContain(`output of ${program}`);
});
