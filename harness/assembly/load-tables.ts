/**
 * Tables for the loads that are measured in steps: for each step, the rate, the generator's own numbers and the
 * latencies.
 */
import type { CheckResult, Figure } from '../checkers/checker.ts';
import type { Report } from '../reports/report.ts';

type Benchmark = Report['benchmarks'][number];
type Row = Benchmark['rows'][number];

const TITLES: Readonly<Record<string, string>> = {
  throughput: 'Rates in steps (YCSB B, open loop, through the kit’s client)',
  'load-mixes': 'Mixes (open loop, through the kit’s client)',
};
const STEP = /^step(\d+)\.([^.]+)\.(.+)$/;

/** Uses the first trial of each drill. */
export function assembleLoadTables(results: readonly CheckResult[]): readonly Benchmark[] {
  const own = results.filter(({ checker, trial }) => checker === 'load' && trial === 1);
  return own.flatMap(({ drill, figures }) => {
    const rows = [...limitRows(figures), ...stepRows(figures)];
    return rows.length === 0 ? [] : [{ title: TITLES[drill] ?? drill, rows }];
  });
}

function limitRows(figures: CheckResult['figures']): readonly Row[] {
  return Object.entries(figures)
    .filter(([name]) => name.startsWith('limit.'))
    .map(([name, figure]) => ({
      label: `Server alone, redis-benchmark ${name.slice('limit.'.length)}`,
      value: `${count(amountOf(figure))} ops/s`,
    }));
}

function stepRows(figures: CheckResult['figures']): readonly Row[] {
  const bySteps = Map.groupBy(
    Object.entries(figures).filter(([name]) => STEP.test(name)),
    ([name]) => Number(STEP.exec(name)?.[1]),
  );
  return [...bySteps]
    .sort(([a], [b]) => a - b)
    .map(([, entries]) => {
      const mix = STEP.exec(entries[0]?.[0] ?? '')?.[2] ?? '';
      const values = new Map(entries.map(([name, figure]) => [STEP.exec(name)?.[3] ?? '', amountOf(figure)]));
      return { label: `${mix}, ${count(values.get('perSecond'))}/s`, value: stepText(values) };
    });
}

function stepText(values: ReadonlyMap<string, number | undefined>): string {
  const kinds = [...values.keys()].flatMap((name) => /^latency\/(\w+)P99Ms$/.exec(name)?.[1] ?? []);
  const latencies = kinds.map(
    (kind) =>
      `${kind} p50 ${ms(values.get(`latency/${kind}P50Ms`))}, p99 ${ms(values.get(`latency/${kind}P99Ms`))} (service p99 ${ms(values.get(`service/${kind}P99Ms`))})`,
  );
  return [
    `sent ${percent(values.get('sent'))}, answered ${percent(values.get('answered'))}, lag p99 ${ms(values.get('lagP99Ms'))}`,
    ...latencies,
    `CPU ${percent(values.get('busy'))}, steal ${percent(values.get('steal'))}`,
  ].join('; ');
}

function amountOf(figure: Figure | undefined): number | undefined {
  return figure?.kind === 'value' ? figure.value : undefined;
}

const count = (amount: number | undefined) =>
  amount === undefined ? 'not measured' : Math.round(amount).toLocaleString('en-US');
const ms = (amount: number | undefined) =>
  amount === undefined ? 'not measured' : `${amount.toFixed(2)} ms`;
const percent = (ratio: number | undefined) =>
  ratio === undefined ? 'not measured' : `${(Math.floor(ratio * 1_000) / 10).toFixed(1)} %`;
