/**
 * Describes a pool of runs: times with bounds based on order statistics, and counts with the share of trials in which
 * the count was zero.
 */
import type { Pool } from '../harness/judge/pool/index.ts';

export function poolText(pool: Pool): string {
  const { runs, leftOut, times, counts } = pool;
  const ms = (value: number | null) => (value === null ? 'no bound' : `${Math.round(value)}`);
  const share = (value: number) => `${(Math.floor(value * 1_000) / 10).toFixed(1)} %`;
  return [
    `Pool of ${runs.length} runs, configuration ${pool.configSha256.slice(0, 12)}, ${pool.substrate}, ${pool.server}`,
    '',
    ...table(
      [
        'drill',
        'client',
        'figure',
        'n',
        'never',
        'left out',
        'min/median/max, ms',
        'median at most',
        'p95 at most',
      ],
      times.map((row) => [
        ...[row.drill, row.client, row.figure, String(row.n), String(row.never), String(row.leftOut)],
        `${ms(row.min)}/${ms(row.median)}/${ms(row.max)}`,
        ...[ms(row.medianAtMost), ms(row.p95AtMost)],
      ]),
    ),
    '',
    ...table(
      ['drill', 'client', 'figure', 'n', 'median/max', 'trials without', 'share at least'],
      counts.map((row) => [
        ...[row.drill, row.client, row.figure, String(row.n), `${row.median}/${row.max}`],
        ...[`${row.without} of ${row.n}`, share(row.shareAtLeast)],
      ]),
    ),
    '',
    'Bounds at 95 % confidence; none: too few trials, or too many that never recovered. Times leave out trials on a busy machine.',
    ...leftOut.map(({ run, reason }) => `left out: ${run}: ${reason}`),
  ].join('\n');
}

/** Formats a Markdown table whose columns are also aligned in a terminal. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)];
}
