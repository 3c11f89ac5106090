/**
 * Formats the comparison of two runs: differences between the runs, then the criteria that changed, then the other
 * criteria on one line.
 */
import type { ComparedCriterion, RunComparison } from '../harness/judge/compare/index.ts';

const CHANGE: Readonly<Record<ComparedCriterion['change'], string>> = {
  worse: 'worse',
  better: 'better',
  'within-noise': 'within noise',
  undecided: 'undecided',
};

export function comparisonText(comparison: RunComparison): string {
  const { baseline, run, differences, criteria, counts, left } = comparison;
  const shown = criteria.filter(({ change }) => change !== 'within-noise');
  return [
    `${run} compared with ${baseline}: ${counts.worse} worse, ${counts.better} better, ${counts['within-noise']} within noise, ${counts.undecided} undecided`,
    ...(differences.length === 0
      ? []
      : [
          '',
          `Forced: the runs differ in ${differences.length} facts, and any of them may explain a change`,
          ...differences.map(
            ({ fact, baseline: before, run: now }) => `  ${fact}: '${before}' before, '${now}' now`,
          ),
        ]),
    ...(shown.length === 0
      ? []
      : ['', ...table(shown), '', ...shown.map(({ id, reason }) => `${id}: ${reason}`)]),
    ...(left.length === 0
      ? []
      : ['', `Not compared: ${left.map(({ id, reason }) => `${id} (${reason})`).join('; ')}`]),
    '',
    'Intervals at 99 %, two-sided: Clopper-Pearson for shares, order statistics for percentiles and for values of trials.',
    'A time must also differ by more than the machine delay that the runs recorded.',
  ].join('\n');
}

function table(criteria: readonly ComparedCriterion[]): readonly string[] {
  const rows = [
    ['change', 'criterion', 'before', 'now', 'n', 'method'],
    ...criteria.map(({ change, id, unit, method, baseline, run }) => [
      ...[CHANGE[change], id, amountText(baseline.measured, unit), amountText(run.measured, unit)],
      ...[`${baseline.n} / ${run.n}`, method],
    ]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function amountText(measured: number | null, unit: string): string {
  if (measured === null) return '–';
  return unit === 'ratio'
    ? `${Number((measured * 100).toPrecision(4))} %`
    : `${Number(measured.toPrecision(4))} ${unit}`;
}
