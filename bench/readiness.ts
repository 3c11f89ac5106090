/**
 * Runs `kit readiness` several times and prints a table of the verdicts, which shows how often the machine determines
 * the verdict.
 *
 *   node bench/readiness.ts <rounds> [--busy <loops>] [options for kit readiness]
 *
 * `--busy` starts that many busy loops for the duration of the rounds. Exit code 1 if any round is a NO-GO. The folders
 * of rounds without a GO are kept, and their paths printed. Ctrl-C ends the current round, then the series.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Report } from '../harness/reports/report.ts';

const KIT = resolve('scripts/kit.ts');
/** Program of a busy loop. It also exits if this process has exited without stopping it. */
const BUSY_LOOP = `
const parent = process.ppid;
while (process.ppid === parent) for (let i = 0; i < 1e8; i++);
`;
const [rounds, busy, options] = parseArguments(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'readiness-rounds-'));

function parseArguments(args: readonly string[]): readonly [number, number, readonly string[]] {
  const [count = '', ...rest] = args;
  const isBusy = rest[0] === '--busy';
  const [some, others] = [Number(count), isBusy ? rest.slice(2) : rest];
  const loops = isBusy ? Number(rest[1]) : 0;
  if (Number.isInteger(some) && some > 0 && Number.isInteger(loops) && loops >= 0)
    return [some, loops, others];
  process.stderr.write(
    'usage: npm run bench -- readiness <rounds> [--busy <loops>] [options for kit readiness]\n',
  );
  process.exit(2);
}

interface Round {
  readonly decision: string;
  readonly seconds: number;
  /** Number of measurement rounds, including the first one. */
  readonly measured: number;
  /** Number of trials that were left out because the machine was too busy for a valid measurement. */
  readonly leftOut: number;
  readonly notes: readonly string[];
}

let isInterrupted = false;
let child: ChildProcess | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isInterrupted = true;
    child?.kill(signal);
  });
}

async function measure(n: number): Promise<Round> {
  const out = join(folder, String(n));
  const started = performance.now();
  const running = spawn(process.execPath, [KIT, 'readiness', ...options, '--out', out], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child = running;
  let said = '';
  running.stderr.on('data', (data) => {
    said += data;
  });
  await once(running, 'close');
  const seconds = (performance.now() - started) / 1_000;
  const path = join(out, 'report.json');
  if (!existsSync(path)) return { decision: 'ERROR', seconds, measured: 0, leftOut: 0, notes: [said.trim()] };
  const { verdict, trials } = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const blocking = verdict.criteria.filter(
    ({ state }) => !['PASS', 'WAIVED', 'OUT_OF_SCOPE'].includes(state),
  );
  if (verdict.decision === 'GO') rmSync(out, { recursive: true });
  return {
    decision: verdict.decision,
    seconds,
    measured: Math.max(1, ...trials.map(({ round = 1 }) => round)),
    leftOut: trials.filter(({ machine }) => machine !== undefined && machine.leftOutOf.length > 0).length,
    notes: blocking.map(({ id, state, reason }) => `${state} ${id}: ${reason}`),
  };
}

function print(...cells: readonly string[]): void {
  const widths = [6, 10, 8, 7, 9];
  process.stdout.write(
    `${cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(' ')
      .trimEnd()}\n`,
  );
}

const loops = Array.from({ length: busy }, () =>
  spawn(process.execPath, ['-e', BUSY_LOOP], { stdio: 'ignore' }),
);
const all: Round[] = [];
try {
  print('round', 'decision', 'seconds', 'rounds', 'left out', 'load');
  for (let n = 1; n <= rounds; n++) {
    const round = await measure(n);
    if (isInterrupted) break;
    all.push(round);
    const { decision, seconds, measured, leftOut, notes } = round;
    const load = (loadavg()[0] ?? 0).toFixed(1);
    print(String(n), decision, seconds.toFixed(1), String(measured), String(leftOut), load);
    for (const note of notes) process.stdout.write(`       ${note}\n`);
  }
} finally {
  for (const loop of loops) loop.kill('SIGKILL');
}
const counts = [...Map.groupBy(all, ({ decision }) => decision)].map(
  ([decision, some]) => `${some.length} ${decision}`,
);
const longest = Math.max(0, ...all.map(({ seconds }) => seconds));
process.stdout.write(
  `${[`${all.length} of ${rounds} rounds`, ...counts, `longest ${longest.toFixed(1)} s`].join(', ')}\n`,
);
if (all.every(({ decision }) => decision === 'GO')) rmSync(folder, { recursive: true });
else process.stdout.write(`folders of rounds without a GO: ${folder}\n`);
process.exitCode = all.some(({ decision }) => decision === 'NO_GO') ? 1 : isInterrupted ? 130 : 0;
