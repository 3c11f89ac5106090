/** `npm test` with a program in place of `vitest` that prints a line and ends with an exit code. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { waitUntil } from './support/redis-process.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'run-all-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Places the program. @param evidence commands for the evidence suites @param tests commands for the other tests */
function place(evidence: string, tests: string): void {
  const script = `case "$*" in *--config*) ${evidence};; *) ${tests};; esac`;
  writeFileSync(join(dir, 'vitest'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, 'vitest'), 0o755);
}

function runAll(...args: readonly string[]) {
  const env = { ...process.env, PATH: [dir, process.env.PATH].join(delimiter) };
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('test/run-all.ts'), ...args], {
    encoding: 'utf8',
    env,
  });
  return { status, lines: stdout.trim().split('\n'), stderr };
}

/** The tests wait for the file, and so for the evidence suites. */
const done = () => join(dir, 'done');
const evidence = () => `echo "evidence: $* at $(nice)"; touch '${done()}'`;
const tests = () => `until [ -e '${done()}' ]; do sleep 0.05; done; echo "tests: $*"`;
beforeEach(() => {
  rmSync(done(), { force: true });
  place(evidence(), tests());
});

it('npm test runs both suites at the same time, the evidence suites with a lower priority, and prints them last', () => {
  const own = spawnSync('nice', { encoding: 'utf8' }).stdout;
  const nice = Math.min(Number(own) + 10, 19);
  expect(runAll()).toMatchObject({
    status: 0,
    lines: ['tests: run --coverage', `evidence: run --config test/evidence.config.ts at ${nice}`],
  });
});

it.each([
  ['tests', 3],
  ['evidence suites', 4],
])('npm test fails if the %s fail, and prints the output of both', (suite, code) => {
  const failing = `touch '${done()}'; echo output of ${suite}; exit ${code}`;
  place(...(suite === 'tests' ? ([evidence(), failing] as const) : ([failing, tests()] as const)));
  const { status, lines } = runAll();
  expect(status).toBe(code);
  expect(lines).toHaveLength(2);
  expect(lines).toContain(`output of ${suite}`);
});

it('npm test with an argument runs nothing, and names the command for single files', () => {
  const { status, lines, stderr } = runAll('test/docs.test.ts');
  expect([status, lines]).toEqual([2, ['']]);
  expect(stderr).toContain('npx vitest run FILE');
});

it('npm test ends both suites on SIGTERM, which may arrive twice', async () => {
  const pids = join(dir, 'pids');
  place(`echo $$ >>'${pids}'; exec sleep 600`, `echo $$ >>'${pids}'; exec sleep 600`);
  const env = { ...process.env, PATH: [dir, process.env.PATH].join(delimiter) };
  const run = spawn(process.execPath, [resolve('test/run-all.ts')], { env, stdio: 'ignore' });
  const started = () => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n').map(Number) : []);
  await waitUntil('both suites to start', () => started().length === 2);
  run.kill('SIGTERM');
  run.kill('SIGTERM');
  await once(run, 'close');
  expect(run.exitCode).not.toBe(0);
  for (const pid of started()) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
