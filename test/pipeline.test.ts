/** The functions of `.ci/run` that measure its parts and run commands in parallel with them (`.ci/parts.sh`). */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitUntil } from './support/redis-process.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pipeline-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/**
 * Runs lines of a script that has the functions. Bash counts the time in `SECONDS`; without its special meaning, the
 * variable has exactly the values that the lines set.
 */
function run(...lines: readonly string[]) {
  const functions = `. '${resolve('.ci/parts.sh')}'`;
  const script = ['set -uo pipefail', 'unset SECONDS', 'SECONDS=0', functions, ...lines].join('\n');
  const env = { ...process.env, SERVERS: dir };
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env });
  expect(stderr).toBe('');
  return { status, lines: stdout.split('\n') };
}

it('the pipeline prints the time of each part and of the whole, without parts shorter than a second', () => {
  const { lines } = run(
    'cpu_times() { printf \'%d %d\' "$((SECONDS / 4))" "$SECONDS"; }',
    ...['title tests with coverage', 'SECONDS=700', 'title short', 'title drills', 'SECONDS=820'],
    'print_times',
  );
  const title = '=== time of each part in seconds, CPU time used of all cores';
  expect(lines.slice(lines.indexOf(title) + 1, -1)).toEqual([
    '   700   25 %  tests with coverage',
    '   120   25 %  drills',
    '   820         total',
  ]);
});

it('the CPU time of a part is between that of an idle machine and that of all cores', () => {
  const { lines } = run(
    'before=$(cpu_times)',
    'sleep 0.1',
    'after=$(cpu_times)',
    'cpu_share "$before" "$after"',
  );
  expect(Number.parseInt(lines[0] ?? '', 10)).toBeGreaterThanOrEqual(0);
  expect(Number.parseInt(lines[0] ?? '', 10)).toBeLessThanOrEqual(100);
});

it.each([
  [2_100, []],
  [2_101, ['note: the pipeline took longer than 35 minutes']],
])(
  'the pipeline reports a run of %i s only if it took longer than its limit, and does not fail',
  (seconds, notes) => {
    const { status, lines } = run(`SECONDS=${seconds}`, 'print_times');
    expect(lines.filter((line) => line.startsWith('note: '))).toEqual(notes);
    expect(status).toBe(0);
  },
);

it('a command that runs in parallel returns its output and its exit code when it is awaited', () => {
  const { lines } = run(
    ...[`parallel_start check sh -c 'echo output of the check; exit 3'`, 'title other part'],
    ...['parallel_end check', 'echo "exit code $?"'],
  );
  expect(lines).toEqual(expect.arrayContaining(['=== other part', 'output of the check', 'exit code 3']));
  expect(lines.indexOf('output of the check')).toBeGreaterThan(lines.indexOf('=== other part'));
});

it('a command that runs in parallel is stopped with the pipeline, with the programs that it started', async () => {
  const file = join(dir, 'pid');
  const { status } = run(
    `parallel_start endless sh -c 'sh -c "echo \\$\\$ >${file}.new; mv ${file}.new ${file}; exec sleep 600"; :'`,
    `until [ -e ${file} ]; do sleep 0.05; done`,
    'parallel_stop',
    'exit 0',
  );
  expect(status).toBe(0);
  const pid = Number(readFileSync(file, 'utf8'));
  await waitUntil('the program to end', () => !existsSync(`/proc/${pid}`));
});
