/**
 * Runs the rows of the failover table one after the other, and writes their pooled figures next to the goals.
 *
 *   npm run bench -- failover-table [--minutes 20] [--trials N] [--batch 3] [--pool runs/failover-table] [--rows a,b]
 *     [--out FILE]
 *
 * `--trials` overrides the number of trials of every row. The command may be interrupted and rerun: trials in the
 * pool are reused as long as the commit and the configuration are the same. No batch starts after `--minutes`; a
 * running batch is completed. `--minutes 0` writes the table of the existing trials. Default of `--out`: `failover.md`
 * in the pool. Copy that file to docs/results/ at the end, because any change to the checkout starts a new pool.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Pool } from '../../harness/judge/pool/index.ts';
import { commandOf, ROWS, seconds, type TableRow, trialsIn } from './rows.ts';

const KIT = resolve('scripts/kit.ts');
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    trials: { type: 'string' },
    batch: { type: 'string', default: '3' },
    pool: { type: 'string', default: 'runs/failover-table' },
    rows: { type: 'string' },
    out: { type: 'string' },
  },
});
const wanted = values.rows?.split(',');
const unknown = wanted?.filter((id) => !ROWS.some((row) => row.id === id)) ?? [];
const numbers = [values.minutes, values.batch, values.trials ?? '1'].map(Number);
if (unknown.length > 0 || !numbers.every((value) => Number.isInteger(value) && value >= 0)) {
  process.stderr.write(
    `usage: npm run bench -- failover-table [--minutes n] [--trials n] [--batch n] [--pool dir] [--rows a,b] [--out file]\nrows: ${ROWS.map(({ id }) => id).join(', ')}\n`,
  );
  process.exit(2);
}
const rows = ROWS.filter(({ id }) => wanted?.includes(id) ?? true).map((row) => ({
  ...row,
  trials: values.trials === undefined ? row.trials : Number(values.trials),
}));

// By default the file is written to the pool. A file in the checkout would make the checkout another version of the
// kit, and trials of different versions are not pooled.
const out = values.out ?? join(values.pool, 'failover.md');
const NOTHING = { measured: '-', state: 'not measured' } as const;
const endMs = performance.now() + Number(values.minutes) * 60_000;
const failures = new Map<string, number>();
for (;;) {
  // The row that lacks the largest share of its trials is next, so that every row has trials even if the command ends
  // early.
  const next = rows
    .filter(({ id }) => (failures.get(id) ?? 0) < 2)
    .map((row) => ({ row, done: trialsDone(row) }))
    .filter(({ row, done }) => done < row.trials)
    .sort((a, b) => a.done / a.row.trials - b.done / b.row.trials)[0];
  if (next === undefined || performance.now() >= endMs) break;
  const { row, done } = next;
  await runBatch(row, Math.min(Number(values.batch), row.trials - done));
  if (trialsDone(row) <= done) failures.set(row.id, (failures.get(row.id) ?? 0) + 1);
  writeTable();
}
writeTable();
process.stdout.write(`${out} written\n`);

function writeTable(): void {
  mkdirSync(values.pool, { recursive: true });
  writeFileSync(out, tableText());
}

async function runBatch(row: TableRow, trials: number): Promise<void> {
  const folder = join(values.pool, row.id);
  mkdirSync(folder, { recursive: true });
  const started = performance.now();
  const child = spawn(process.execPath, [KIT, ...commandOf(row, trials, folder), '--json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  await once(child, 'close');
  const took = ((performance.now() - started) / 1000).toFixed(0);
  process.stdout.write(`${row.id}: ${trials} trials in ${took} s, ${trialsDone(row)} of ${row.trials}\n`);
  if (child.exitCode !== 0 && child.exitCode !== 1 && child.exitCode !== 3) process.stderr.write(`${said}\n`);
}

/** Returns the latest pool for the row. Every commit and configuration has its own file. */
function poolOf({ id }: TableRow): Pool | undefined {
  const folder = join(values.pool, id);
  if (!existsSync(folder)) return undefined;
  const [latest] = readdirSync(folder)
    .filter((name) => /^pool-\w+\.json$/.test(name))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return latest === undefined ? undefined : (JSON.parse(readFileSync(latest, 'utf8')) as Pool);
}

function trialsDone(row: TableRow): number {
  const pool = poolOf(row);
  return pool === undefined ? 0 : trialsIn(pool);
}

function tableText(): string {
  const judged = rows.map((row) => ({ row, pool: poolOf(row) }));
  const goals = judged.flatMap(({ row, pool }) =>
    row.goals.map(({ text, judge }, i) => {
      const { measured, state } = pool === undefined ? NOTHING : judge(pool, row.downAfterMs);
      const head = i === 0 ? [`\`${row.id}\``, `${pool ? trialsIn(pool) : 0} of ${row.trials}`] : ['', ''];
      return [...head, text, measured, state];
    }),
  );
  const gaps = judged.flatMap(({ row, pool }) =>
    (pool?.times ?? [])
      .filter(({ figure }) => figure === 'writeGapMs')
      .map(({ client, n, never, leftOut, min, median, max }) => [
        ...[`\`${row.id}\``, client, String(n), String(never), String(leftOut)],
        `${seconds(min)} / ${seconds(median)} / ${seconds(max)}`,
        lostOf(pool, client),
      ]),
  );
  return `${[
    '# Failover: figures against the goals',
    `Local processes, ${judged.find(({ pool }) => pool)?.pool?.server.replace(/ sha=.*/, '') ?? 'no trial yet'}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}, load average ${(loadavg()[0] ?? 0).toFixed(1)} at the end. All clients of a row run on the same topology under the same faults. Bounds at 95 % confidence: order statistics for times, Clopper-Pearson for shares. A time leaves out trials in which the machine was busy; a count never does.`,
    `\`\`\`console\n$ npm run bench -- failover-table --minutes ${values.minutes}\n\`\`\``,
    markdown(['row', 'trials', 'goal', 'measured', ''], goals),
    '## Write gap per client',
    markdown(
      ['row', 'client', 'n', 'never again', 'left out', 'min / median / max', 'writes lost: median / max'],
      gaps,
    ),
    '## Commands of the rows',
    `\`\`\`console\n${rows.map((row) => `$ npm run kit -- ${commandOf(row, row.trials, join(values.pool, row.id)).join(' ')}`).join('\n')}\n\`\`\``,
    'Longer runs, to be started manually: `npm run kit -- drill storm --minutes 30 --seed 7` for three seeds ([results](storm.md)), and `npm run kit -- drill master-crash --trials 500 --pool runs/dead` for dead clients.',
  ].join('\n\n')}\n`;
}

function lostOf(pool: Pool | undefined, client: string): string {
  const row = pool?.counts.find((count) => count.client === client && count.figure === 'lost');
  return row === undefined ? '-' : `${row.median} / ${row.max}`;
}

function markdown(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...body.map(line)].join('\n');
}
