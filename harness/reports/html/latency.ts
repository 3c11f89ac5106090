/**
 * Latency distributions: one row per operation kind, all on one log scale, with the distribution of the stock client as
 * an outline over that of the kit's client.
 */
import { scaleLog } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import type { Criterion } from '../../gates/gate.ts';
import type { TrialView } from '../report.ts';
import { clientName, formatMs, formatNumber, formatTarget, oneLine, workloadsOf } from '../wording.ts';
import {
  decadesOf,
  decadeTicks,
  msTick,
  PANEL,
  renderDrawing,
  roundCoordinate,
  wrapScrolling,
} from './chart.ts';
import { html, type Markup } from './markup.ts';

export type Latency = TrialView['latencies'][number];

/** Sizes of a row. If there are few kinds of operation, the histograms can be taller. */
const ROW = { few: { height: 92, peak: 58 }, many: { height: 62, peak: 32 } } as const;

/** Position of a histogram and its maximum height. */
interface Ground {
  readonly base: number;
  readonly peak: number;
}

export function stockOf(trial: TrialView, row: Latency): Latency | undefined {
  return row.client === 'kit'
    ? trial.latencies.find(({ client, kind, n }) => client === 'ioredis' && kind === row.kind && n > 0)
    : undefined;
}

/** Returns the criterion that judges the latency of an operation kind in this drill, in milliseconds. */
export function targetOf(criteria: readonly Criterion[], drill: string, kind: string): Criterion | undefined {
  return criteria.find(
    (criterion) =>
      criterion.unit === 'ms' &&
      criterion.target.op.startsWith('<') &&
      criterion.state !== 'OUT_OF_SCOPE' &&
      workloadsOf(criterion).includes(drill) &&
      criterion.scope.sli.split(/[^A-Za-z0-9]+/).includes(kind),
  );
}

export function renderDistributions(
  trial: TrialView,
  rows: readonly Latency[],
  criteria: readonly Criterion[],
  id: string,
): Markup {
  const targets = rows.map((row) => targetOf(criteria, trial.drill, row.kind));
  const filled = trial.latencies.flatMap((row) =>
    row.histogram.filter(({ count }) => count > 0).map(({ upToMs }) => upToMs),
  );
  const seen = rows.flatMap(({ distribution }) => [distribution.min, distribution.max]);
  const domain = decadesOf([
    ...filled,
    ...seen,
    ...targets.flatMap((each) => (each === undefined ? [] : [each.target.value])),
  ]);
  const x = scaleLog([...domain], [8, PANEL.width - 8]).clamp(true);
  const row = ROW[rows.length > 3 ? 'many' : 'few'];
  const height = rows.length * row.height;
  const ticks = decadeTicks(domain);
  return renderDrawing(
    id,
    height + 26,
    `${oneLine(trial.drill)}, latency by operation`,
    rows
      .map((row) => `${oneLine(row.kind)}: ${describePercentiles(row)}, n ${formatNumber(row.n)}.`)
      .join(' '),
    html`<g class="axis">${ticks.map((tick, index) => {
      const at = roundCoordinate(x(tick));
      const anchor = index === 0 ? 'start' : index === ticks.length - 1 ? 'end' : 'middle';
      return html`<line class="faint" x1="${at}" x2="${at}" y1="0" y2="${height}"/><text x="${at}" y="${height + 17}" text-anchor="${anchor}">${msTick(tick)}</text>`;
    })}</g>`,
    rows.map((each, index) =>
      renderHill(each, stockOf(trial, each), targets[index], x, {
        base: (index + 1) * row.height,
        peak: row.peak,
      }),
    ),
  );
}

function renderHill(
  row: Latency,
  stock: Latency | undefined,
  target: Criterion | undefined,
  x: (value: number) => number,
  { base, peak }: Ground,
): Markup {
  const tick = (value: number, name: string) =>
    html`<line class="${name}" x1="${roundCoordinate(x(value))}" x2="${roundCoordinate(x(value))}" y1="${base - peak}" y2="${base}"/>`;
  const limit = target === undefined ? null : roundCoordinate(x(target.target.value));
  const before = limit !== null && limit > PANEL.width - 90;
  return html`<g class="hill"><path class="body" d="${renderOutline(row, x, { base, peak }, true)}"/>${stock !== undefined && html`<path class="other" d="${renderOutline(stock, x, { base, peak }, false)}"/>`}<line class="base" x1="8" x2="${PANEL.width - 8}" y1="${base}" y2="${base}"/>${tick(row.distribution.p50, 'tick50')}${tick(row.distribution.p99, 'tick99')}${
    limit !== null &&
    target !== undefined &&
    html`<line class="target" x1="${limit}" x2="${limit}" y1="${base - peak - 4}" y2="${base}"/><text class="target halo" x="${before ? limit - 5 : limit + 5}" y="${base - peak + 6}" text-anchor="${before ? 'end' : 'start'}">${formatTarget(target)}</text>`
  }<text class="name" x="8" y="${base - peak - 9}">${oneLine(row.kind)} <tspan class="when">n ${formatNumber(row.n)}</tspan></text><text class="label" x="${PANEL.width - 8}" y="${base - peak - 9}" text-anchor="end">${describePercentiles(row)}</text></g>`;
}

/** Renders the outline of a histogram. The lower bound of a bucket is the upper bound of the previous one. */
function renderOutline(
  row: Latency,
  x: (value: number) => number,
  { base, peak }: Ground,
  closed: boolean,
): string {
  const highest = row.histogram.reduce((most, { count }) => Math.max(most, count), 1);
  const first = row.histogram.findIndex(({ count }) => count > 0);
  const last = row.histogram.findLastIndex(({ count }) => count > 0);
  if (first === -1) return '';
  const ratio = (row.histogram[1]?.upToMs ?? 0) / (row.histogram[0]?.upToMs ?? 1);
  const points = row.histogram.slice(first, last + 1).map(({ upToMs, count }, index) => ({
    fromMs:
      row.histogram[first + index - 1]?.upToMs ??
      upToMs / (ratio > 1 && Number.isFinite(ratio) ? ratio : 1.25),
    count,
  }));
  const end = { fromMs: row.histogram[last]?.upToMs ?? 1, count: 0 };
  const heightOf = (count: number) => base - (count / highest) * peak;
  const all = [{ fromMs: points[0]?.fromMs ?? 1, count: 0 }, ...points, end];
  const xOf = (point: { fromMs: number }) => x(point.fromMs);
  const path = closed
    ? area<(typeof all)[number]>()
        .x(xOf)
        .y0(base)
        .y1((point) => heightOf(point.count))
        .curve(curveStepAfter)
        .digits(1)
    : line<(typeof all)[number]>()
        .x(xOf)
        .y((point) => heightOf(point.count))
        .curve(curveStepAfter)
        .digits(1);
  return path(all) ?? '';
}

function describePercentiles({ distribution }: Latency): string {
  return `p50 ${formatMs(distribution.p50)}, p99 ${formatMs(distribution.p99)}, max ${formatMs(distribution.max)}`;
}

export function latencyTable(trial: TrialView): Markup {
  const figures = ['min', 'p50', 'p95', 'p99', 'max', 'mean'] as const;
  return wrapScrolling(
    `${oneLine(trial.drill)} latencies`,
    html`<table class="cards"><thead><tr><th scope="col">client</th><th scope="col">operation</th><th scope="col" class="n">n</th>${figures.map((name) => html`<th scope="col" class="n">${name}</th>`)}</tr></thead><tbody>${trial.latencies.map(
      (row) =>
        html`<tr><td class="who">${clientName(row.client)}</td><td data-label="operation">${oneLine(row.kind)}</td><td class="n" data-label="n">${formatNumber(row.n)}</td>${figures.map((name) => html`<td class="n" data-label="${name}">${row.n === 0 ? '–' : formatMs(row.distribution[name])}</td>`)}</tr>`,
    )}</tbody></table>`,
  );
}
