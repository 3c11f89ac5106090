/**
 * Prints the two benchmarks from requirements document 001, in the document's wording, next to its figures. Adds the
 * facts that the document omits: the size of the catalogue, which determines the hit ratio, and the meaning of its
 * percentiles and its "throughput".
 */
import type { CheckResult } from '../checkers/checker.ts';
import type { Report } from '../reports/report.ts';
import { assembleLoadTables } from './load-tables.ts';

type Benchmark = Report['benchmarks'][number];
type Row = Benchmark['rows'][number];

const PERCENTILE = 'nearest rank, from the intended start, all queries of the phase';

/** Uses the first trial of each benchmark; the figures of later trials are shown with those trials. */
export function assembleBenchmarks(results: readonly CheckResult[]): readonly Benchmark[] {
  const realistic = figuresOf(results, 'realistic-50');
  const zipf = figuresOf(results, 'zipf-100');
  return [
    ...(realistic === undefined
      ? []
      : [
          {
            title: `Realistic benchmark (${realistic.number('queries')} queries)`,
            rows: realisticRows(realistic),
          },
        ]),
    ...(zipf === undefined
      ? []
      : [
          { title: `Load test (${zipf.number('queries')} queries, Zipf distribution)`, rows: zipfRows(zipf) },
        ]),
    ...assembleLoadTables(results),
  ];
}

function realisticRows(figures: Figures): readonly Row[] {
  return [
    ...hitRows(figures, '80.00 %'),
    { label: 'Average latency, cold (computed)', value: `${figures.ms('coldMs')} (001: 156.60 ms)` },
    { label: 'Average latency, hot (cached)', value: `${figures.ms('hotMs')} (001: 0.57 ms)` },
    {
      label: 'Latency reduction',
      value: `${figures.percent('latencyReduction')} (001: 99.6 %; target: 50 to 80 %)`,
    },
    { label: 'Total time without cache', value: `${figures.seconds('totalWithoutMs')} (001: 7.57 s)` },
    { label: 'Total time with cache', value: `${figures.seconds('totalWithMs')} (001: 1.59 s)` },
    {
      label: 'Throughput improvement, as 001 counts it (time saved)',
      value: `${figures.percent('timeSaved')}, a factor of ${figures.fixed('throughputFactor', 2)} (001: 79.0 %, a factor of 4.76)`,
    },
  ];
}

function zipfRows(figures: Figures): readonly Row[] {
  return [
    ...hitRows(figures, '95.00 %'),
    { label: 'Average latency', value: `${figures.ms('averageMs')} (001: 7.43 ms)` },
    { label: 'P95', value: `${figures.ms('p95Ms')} (001: 111.44 ms)` },
    { label: 'P99', value: `${figures.ms('p99Ms')} (001: 161.70 ms)` },
    { label: 'Definition of the percentiles', value: PERCENTILE },
  ];
}

function hitRows(figures: Figures, documented: string): readonly Row[] {
  const keys = figures.number('catalogue');
  const { hits, reads } = figures.hits;
  return [
    {
      label: 'Hit rate',
      value: `${reads === 0 ? 'none' : `${((hits / reads) * 100).toFixed(2)} %`} (001: ${documented})`,
    },
    { label: 'Hits, misses', value: `${hits}, ${reads - hits}` },
    {
      label: 'Catalogue',
      value: `${keys} keys: each is computed once, so there are at least ${keys} misses`,
    },
  ];
}

interface Figures {
  readonly hits: { readonly hits: number; readonly reads: number };
  number(name: string): number;
  fixed(name: string, digits: number): string;
  ms(name: string): string;
  seconds(name: string): string;
  percent(name: string): string;
}

function figuresOf(results: readonly CheckResult[], drill: string): Figures | undefined {
  const resultsOf = (checker: string) =>
    results.find((result) => result.checker === checker && result.drill === drill);
  const found = resultsOf('benchmark');
  if (found === undefined || found.figures.queries === undefined) return undefined;
  const amountOf = (name: string) => {
    const figure = found.figures[name];
    return figure?.kind === 'value' ? figure.value : undefined;
  };
  const ratio = resultsOf('hit-ratio')?.figures.overall;
  const formatAmount = (name: string, scale: number, digits: number, unit: string) => {
    const known = amountOf(name);
    return known === undefined ? 'not measured' : `${(known * scale).toFixed(digits)}${unit}`;
  };
  return {
    hits: ratio?.kind === 'proportion' ? { hits: ratio.successes, reads: ratio.n } : { hits: 0, reads: 0 },
    number: (name) => amountOf(name) ?? 0,
    fixed: (name, digits) => formatAmount(name, 1, digits, ''),
    ms: (name) => formatAmount(name, 1, 2, ' ms'),
    seconds: (name) => formatAmount(name, 0.001, 2, ' s'),
    percent: (name) => formatAmount(name, 100, 1, ' %'),
  };
}
