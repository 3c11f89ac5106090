/** Load drills: how latency is distributed, operation kind by operation kind, and how the hit ratio settles. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { area, curveStepAfter, line } from 'd3-shape';
import type { Criterion } from '../../gates/gate.ts';
import type { TimelineBin, TrialView } from '../report.ts';
import { clientName, formatMs, formatNumber, formatRatio, formatTarget, oneLine } from '../wording.ts';
import {
  decades,
  decadeTicks,
  drawing,
  horizontalGrid,
  INNER_RIGHT,
  msTick,
  PANEL,
  round,
  scrolling,
  timeAxis,
} from './chart.ts';
import { html, type Markup } from './markup.ts';
import { endOf } from './timeline.ts';

type Latency = TrialView['latencies'][number];

const ROW_HEIGHT = 62;
const HILL = 32;

export function loadFigures(trial: TrialView, criteria: readonly Criterion[], id: string): Markup {
  const ours = trial.latencies.filter(({ client, n }) => client === 'kit' && n > 0);
  const shown = ours.length > 0 ? ours : trial.latencies.filter(({ n }) => n > 0);
  const bins = trial.timelines.kit ?? Object.values(trial.timelines)[0] ?? [];
  const read = bins.some((bin) => bin.hits + bin.misses > 0);
  if (shown.length === 0 && !read) return html`<p class="quiet">No timeline was recorded.</p>`;
  return html`<figure><div class="panels">${shown.length > 0 && distributions(trial, shown, criteria, `${id}-l`)}${read && hitRatio(trial, bins, criteria, `${id}-h`)}</div>
<figcaption>${shown.length > 0 && html`Each hill is a histogram on a log scale, as high as its own peak. <span class="key tick50">p50</span> <span class="key tick99">p99</span> <span class="key target">target</span>${overlaid(trial, shown) && html` <span class="key outline">ioredis, defaults</span>`} `}Trial ${trial.trial}.</figcaption>
${trial.latencies.length > 0 && html`<details><summary>As a table</summary>${latencyTable(trial)}</details>`}</figure>`;
}

function overlaid(trial: TrialView, shown: readonly Latency[]): boolean {
  return shown.some((row) => stockOf(trial, row) !== undefined);
}

function stockOf(trial: TrialView, row: Latency): Latency | undefined {
  return row.client === 'kit'
    ? trial.latencies.find(({ client, kind, n }) => client === 'ioredis' && kind === row.kind && n > 0)
    : undefined;
}

/** The target of a kind: a criterion in milliseconds on this workload that names the kind. */
export function targetOf(criteria: readonly Criterion[], drill: string, kind: string): Criterion | undefined {
  const words = ({ id, scope }: Criterion) => `${id} ${scope.sli}`.toLowerCase().split(/[^a-z0-9]+/);
  return criteria.find(
    (criterion) =>
      criterion.unit === 'ms' &&
      criterion.target.op.startsWith('<') &&
      criterion.state !== 'OUT_OF_SCOPE' &&
      criterion.scope.workload === drill &&
      words(criterion).includes(kind.toLowerCase()),
  );
}

function distributions(
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
  const domain = decades([
    ...filled,
    ...seen,
    ...targets.flatMap((each) => (each === undefined ? [] : [each.target.value])),
  ]);
  const x = scaleLog([...domain], [8, PANEL.width - 8]).clamp(true);
  const height = rows.length * ROW_HEIGHT;
  const ticks = decadeTicks(domain);
  return drawing(
    id,
    height + 26,
    `${oneLine(trial.drill)}, latency by operation`,
    rows.map((row) => `${oneLine(row.kind)}: ${percentiles(row)}, n ${formatNumber(row.n)}.`).join(' '),
    html`<g class="axis">${ticks.map((tick, index) => {
      const at = round(x(tick));
      const anchor = index === 0 ? 'start' : index === ticks.length - 1 ? 'end' : 'middle';
      return html`<line class="faint" x1="${at}" x2="${at}" y1="0" y2="${height}"/><text x="${at}" y="${height + 17}" text-anchor="${anchor}">${msTick(tick)}</text>`;
    })}</g>`,
    rows.map((row, index) => hill(row, stockOf(trial, row), targets[index], x, (index + 1) * ROW_HEIGHT)),
  );
}

function hill(
  row: Latency,
  stock: Latency | undefined,
  target: Criterion | undefined,
  x: (value: number) => number,
  base: number,
): Markup {
  const tick = (value: number, name: string) =>
    html`<line class="${name}" x1="${round(x(value))}" x2="${round(x(value))}" y1="${base - HILL}" y2="${base}"/>`;
  const limit = target === undefined ? null : round(x(target.target.value));
  const before = limit !== null && limit > PANEL.width - 90;
  return html`<g class="hill"><path class="body" d="${outline(row, x, base, true)}"/>${stock !== undefined && html`<path class="other" d="${outline(stock, x, base, false)}"/>`}<line class="base" x1="8" x2="${PANEL.width - 8}" y1="${base}" y2="${base}"/>${tick(row.distribution.p50, 'tick50')}${tick(row.distribution.p99, 'tick99')}${
    limit !== null &&
    target !== undefined &&
    html`<line class="target" x1="${limit}" x2="${limit}" y1="${base - HILL - 4}" y2="${base}"/><text class="target halo" x="${before ? limit - 5 : limit + 5}" y="${base - HILL + 6}" text-anchor="${before ? 'end' : 'start'}">${formatTarget(target)}</text>`
  }<text class="name" x="8" y="${base - HILL - 9}">${oneLine(row.kind)} <tspan class="when">n ${formatNumber(row.n)}</tspan></text><text class="label" x="${PANEL.width - 8}" y="${base - HILL - 9}" text-anchor="end">${percentiles(row)}</text></g>`;
}

/** A bucket's lower bound is the upper one of the bucket before. */
function outline(row: Latency, x: (value: number) => number, base: number, closed: boolean): string {
  const peak = row.histogram.reduce((most, { count }) => Math.max(most, count), 1);
  const first = row.histogram.findIndex(({ count }) => count > 0);
  const last = row.histogram.findLastIndex(({ count }) => count > 0);
  if (first === -1) return '';
  const ratio = (row.histogram[1]?.upToMs ?? 2) / (row.histogram[0]?.upToMs ?? 1);
  const points = row.histogram.slice(first, last + 1).map(({ upToMs, count }, index) => ({
    fromMs:
      row.histogram[first + index - 1]?.upToMs ?? upToMs / (ratio > 1 && Number.isFinite(ratio) ? ratio : 2),
    count,
  }));
  const end = { fromMs: row.histogram[last]?.upToMs ?? 1, count: 0 };
  const height = (count: number) => base - (count / peak) * HILL;
  const all = [{ fromMs: points[0]?.fromMs ?? 1, count: 0 }, ...points, end];
  const at = (point: { fromMs: number }) => x(point.fromMs);
  const path = closed
    ? area<(typeof all)[number]>()
        .x(at)
        .y0(base)
        .y1((point) => height(point.count))
        .curve(curveStepAfter)
        .digits(1)
    : line<(typeof all)[number]>()
        .x(at)
        .y((point) => height(point.count))
        .curve(curveStepAfter)
        .digits(1);
  return path(all) ?? '';
}

function percentiles({ distribution }: Latency): string {
  return `p50 ${formatMs(distribution.p50)}, p99 ${formatMs(distribution.p99)}, max ${formatMs(distribution.max)}`;
}

interface Share {
  readonly tMs: number;
  readonly now: number | null;
  readonly soFar: number | null;
}

function shares(bins: readonly TimelineBin[]): readonly Share[] {
  let hits = 0;
  let reads = 0;
  return bins.map((bin) => {
    const here = bin.hits + bin.misses;
    hits += bin.hits;
    reads += here;
    return {
      tMs: bin.tMs,
      now: here === 0 ? null : bin.hits / here,
      soFar: reads === 0 ? null : hits / reads,
    };
  });
}

function hitRatio(
  trial: TrialView,
  bins: readonly TimelineBin[],
  criteria: readonly Criterion[],
  id: string,
): Markup {
  const x = scaleLinear([0, endOf(trial)], [PANEL.left, INNER_RIGHT]);
  const y = scaleLinear([0, 1], [174, 26]);
  const points = shares(bins);
  const final = points.findLast(({ soFar }) => soFar !== null)?.soFar ?? 0;
  const limit = criteria.find(
    ({ unit, scope, id: name, state }) =>
      unit === 'ratio' &&
      state !== 'OUT_OF_SCOPE' &&
      scope.workload === trial.drill &&
      `${name} ${scope.sli}`.includes('hit'),
  );
  const path = (value: (point: Share) => number | null) =>
    line<Share>()
      .defined((point) => value(point) !== null)
      .x((point) => x(point.tMs + trial.binMs / 2))
      .y((point) => y(value(point) ?? 0))
      .digits(1)(points) ?? '';
  return drawing(
    id,
    200,
    `${oneLine(trial.drill)}, hit ratio over time`,
    `Hits over reads, a bin of ${formatNumber(trial.binMs)} ms and so far. At the end ${formatRatio(final)}.`,
    html`<text class="name" x="${PANEL.left}" y="13">hit ratio <tspan class="when">so far, and a bin</tspan></text>`,
    horizontalGrid(y, [0, 0.5, 1], (value) => formatRatio(value)),
    limit !== undefined &&
      html`<line class="target" x1="${PANEL.left}" x2="${INNER_RIGHT}" y1="${round(y(limit.target.value))}" y2="${round(y(limit.target.value))}"/><text class="target halo" x="${INNER_RIGHT - 4}" y="${round(y(limit.target.value)) + 14}" text-anchor="end">${formatTarget(limit)}</text>`,
    html`<path class="line p50 thin" d="${path((point) => point.now)}"/><path class="line p99" d="${path((point) => point.soFar)}"/><text class="label p99" x="${INNER_RIGHT + 5}" y="${round(y(final) + 4)}">${formatRatio(final)}</text>`,
    timeAxis(x, 174),
  );
}

function latencyTable(trial: TrialView): Markup {
  const figures = ['min', 'p50', 'p95', 'p99', 'max', 'mean'] as const;
  return scrolling(
    `${oneLine(trial.drill)} latencies`,
    html`<table><thead><tr><th scope="col">client</th><th scope="col">operation</th><th scope="col" class="n">n</th>${figures.map((name) => html`<th scope="col" class="n">${name}</th>`)}</tr></thead><tbody>${trial.latencies.map(
      (row) =>
        html`<tr><td>${clientName(row.client)}</td><td>${oneLine(row.kind)}</td><td class="n">${formatNumber(row.n)}</td>${figures.map((name) => html`<td class="n">${row.n === 0 ? '–' : formatMs(row.distribution[name])}</td>`)}</tr>`,
    )}</tbody></table>`,
  );
}
