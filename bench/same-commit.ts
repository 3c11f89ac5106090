/**
 * Compares runs of one commit in pairs (A/A): `kit compare` should find no criterion better or worse.
 *
 *   npm run bench -- same-commit [pairs] [--save FILE] [drill … and options for kit drill]
 *
 * Default: one pair of `kit drill steady --trials 3`. Exit code 1 if a criterion of any pair changed, 3 if a pair could
 * not be compared. The folders of such pairs are kept, and their paths printed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { RunComparison } from '../harness/judge/compare/index.ts';

const KIT = resolve('scripts/kit.ts');
const { pairs, save, drill } = parseArguments(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'same-commit-'));

interface Arguments {
  readonly pairs: number;
  readonly save: string | undefined;
  readonly drill: readonly string[];
}

function parseArguments(args: readonly string[]): Arguments {
  const rest = [...args];
  const count = /^\d+$/.test(rest[0] ?? '') ? Number(rest.shift()) : 1;
  const at = rest.indexOf('--save');
  const [, file] = at === -1 ? [] : rest.splice(at, 2);
  if (count > 0 && (at === -1 || file !== undefined))
    return { pairs: count, save: file, drill: rest.length === 0 ? ['steady', '--trials', '3'] : rest };
  process.stderr.write('usage: npm run bench -- same-commit [pairs] [--save FILE] [options for kit drill]\n');
  process.exit(2);
}

interface Pair {
  readonly row: readonly string[];
  readonly notes: readonly string[];
  readonly isNoise: boolean;
  readonly isCompared: boolean;
}

async function kit(...args: readonly string[]): Promise<{ readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [KIT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, err };
}

async function measurePair(n: number): Promise<Pair> {
  const [a, b] = ['a', 'b'].map((name) => join(folder, `${n}-${name}`)) as [string, string];
  const load = (loadavg()[0] ?? 0).toFixed(1);
  for (const out of [a, b]) await kit('drill', ...drill, '--out', out);
  const { out, err } = await kit('compare', a, b, '--json');
  const result = JSON.parse(out || '{}') as Partial<RunComparison> & { error?: { message?: string } };
  const { counts, criteria = [] } = result;
  if (counts === undefined) {
    const reason = result.error?.message ?? err.trim();
    return { row: [String(n), load, '-', '-', '-', '-'], notes: [reason], isNoise: false, isCompared: false };
  }
  const changed = criteria.filter(({ change }) => change === 'worse' || change === 'better');
  if (changed.length === 0) for (const run of [a, b]) rmSync(run, { recursive: true });
  return {
    row: [
      ...[String(n), load, String(counts.worse), String(counts.better)],
      ...[String(counts['within-noise']), String(counts.undecided)],
    ],
    notes: changed.map(({ id, change, reason }) => `${change} ${id}: ${reason}`),
    isNoise: changed.length === 0,
    isCompared: true,
  };
}

const HEADER = ['pair', 'load before', 'worse', 'better', 'within noise', 'undecided'];

function print(cells: readonly string[]): void {
  process.stdout.write(
    `${cells
      .map((cell, i) => cell.padEnd((HEADER[i]?.length ?? 0) + 2))
      .join('')
      .trimEnd()}\n`,
  );
}

const all: Pair[] = [];
print(HEADER);
for (let n = 1; n <= pairs; n++) {
  const pair = await measurePair(n);
  all.push(pair);
  print(pair.row);
  for (const note of pair.notes) process.stdout.write(`      ${note}\n`);
}
if (all.every(({ isNoise }) => isNoise)) rmSync(folder, { recursive: true });
else process.stdout.write(`folders of pairs with a change: ${folder}\n`);
if (save !== undefined) {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  writeFileSync(
    save,
    [
      '# Comparison of runs of one commit',
      '',
      `\`npm run bench -- same-commit ${pairs} --save ${save} ${drill.join(' ')}\`, ${new Date().toISOString()}.`,
      'Each pair has two runs one after the other; every change is noise.',
      '',
      ...[line(HEADER), line(HEADER.map(() => '--:')), ...all.map(({ row }) => line(row))],
      ...(all.some(({ notes }) => notes.length > 0) ? [''] : []),
      ...all.flatMap(({ row, notes }) => notes.map((note) => `- pair ${row[0]}: ${note}`)),
      '',
    ].join('\n'),
  );
}
process.exitCode = all.some(({ isCompared }) => !isCompared)
  ? 3
  : all.every(({ isNoise }) => isNoise)
    ? 0
    : 1;
