/**
 * A failover drill as small multiples: one panel per client, on the same axes. The upper part shows the outcomes per
 * bin (answered, unknown, failed, stacked), the lower part the latency on a log scale; the fault is shaded, events are
 * marked.
 */
import { scaleLinear, scaleLog } from 'd3-scale';
import { area, curveStepAfter, line, stack } from 'd3-shape';
import type { TimelineBin, TrialView } from '../report.ts';
import { clientName, clientsOf, formatMs, formatNumber, oneLine } from '../wording.ts';
import {
  decadesOf,
  decadeTicks,
  horizontalGrid,
  INNER_RIGHT,
  msTick,
  PANEL,
  renderDrawing,
  roundCoordinate,
  timeAxis,
  wrapScrolling,
} from './chart.ts';
import { html, type Markup } from './markup.ts';
import { endOf, longestSilence, marksOf, phasesOf } from './timeline.ts';

const ROW = 15;
const RATE_HEIGHT = 104;
const LATENCY_HEIGHT = 92;
const BETWEEN = 26;

/** Scales that all panels of a figure share. */
interface Frame {
  readonly trial: TrialView;
  readonly x: ReturnType<typeof scaleLinear<number, number>>;
  readonly rate: ReturnType<typeof scaleLinear<number, number>>;
  readonly latency: ReturnType<typeof scaleLog<number, number>>;
  readonly latencyDomain: readonly [number, number];
  readonly rateTop: number;
  readonly latencyBottom: number;
}

export function overTimeFigure(trial: TrialView, id: string): Markup {
  const clients = clientsOf(trial);
  if (clients.length === 0) return html`<p class="quiet">No timeline was recorded.</p>`;
  return html`<figure><div class="panels">${overTimePanels(trial, id)}</div>
<figcaption>${overTimeLegend(trial)} Trial ${trial.trial}, bins of ${formatNumber(trial.binMs)} ms. Latency counts from the <em>intended</em> start of an operation, so it includes stalls.</figcaption>
<details><summary>As a table</summary>${phaseTable(trial, clients)}</details></figure>`;
}

/** Renders one panel per client, all on the same axes. */
export function overTimePanels(trial: TrialView, id: string): readonly Markup[] {
  const clients = clientsOf(trial);
  const frame = frameOf(trial, clients);
  return clients.map((client, index) => renderPanel(frame, client, `${id}-${index}`));
}

function frameOf(trial: TrialView, clients: readonly string[]): Frame {
  const bins = clients.flatMap((client) => trial.timelines[client] ?? []);
  const rows = Math.max(1, ...clients.map((client) => marksOf(trial, client).length + trial.faults.length));
  const rateTop = 32 + rows * ROW;
  const most = bins.reduce(
    (peak, bin) => Math.max(peak, perSecond(bin.ok + bin.failed + bin.info, trial)),
    1,
  );
  const latencyDomain = decadesOf(bins.flatMap((bin) => [bin.p50Ms ?? 0, bin.p99Ms ?? 0]));
  const latencyTop = rateTop + RATE_HEIGHT + BETWEEN;
  return {
    trial,
    x: scaleLinear([0, endOf(trial)], [PANEL.left, INNER_RIGHT]),
    rate: scaleLinear([0, most], [rateTop + RATE_HEIGHT, rateTop]).nice(3),
    latency: scaleLog([...latencyDomain], [latencyTop + LATENCY_HEIGHT, latencyTop]).clamp(true),
    latencyDomain,
    rateTop,
    latencyBottom: latencyTop + LATENCY_HEIGHT,
  };
}

function perSecond(count: number, trial: TrialView): number {
  return (count * 1000) / trial.binMs;
}

function renderPanel(frame: Frame, client: string, id: string): Markup {
  const { trial, x, rate, latency } = frame;
  const bins = trial.timelines[client] ?? [];
  const name = clientName(client);
  return renderDrawing(
    id,
    frame.latencyBottom + 24,
    `${oneLine(trial.drill)}, ${name}`,
    describeTrial(trial, client),
    html`<text class="name" x="${PANEL.left}" y="13">${name}</text>`,
    renderFaults(frame),
    horizontalGrid(rate, rate.ticks(3), (value) => formatNumber(value)),
    html`<text class="unit" x="${PANEL.left}" y="${frame.rateTop - 5}">operations/s</text>`,
    renderThroughput(frame, bins),
    horizontalGrid(latency, decadeTicks(frame.latencyDomain), msTick),
    html`<text class="unit" x="${PANEL.left}" y="${frame.rateTop + RATE_HEIGHT + BETWEEN - 7}">latency</text>`,
    renderPercentile(frame, bins, 'p50Ms', 'p50'),
    renderPercentile(frame, bins, 'p99Ms', 'p99'),
    lastLabels(frame, bins),
    renderMarks(frame, client),
    silenceSummary(frame, bins),
    timeAxis(x, frame.latencyBottom),
  );
}

/** Shades each fault from its observed injection to its observed healing, or to the end if it was never healed. */
function renderFaults({ trial, x, latencyBottom, rateTop }: Frame): Markup {
  const end = endOf(trial);
  return html`<g class="fault">${trial.faults.map((fault, index) => {
    const from = roundCoordinate(x(fault.fromMs));
    const to = roundCoordinate(x(Math.min(end, fault.toMs ?? end)));
    const top = 26 + index * ROW;
    const label = `${oneLine(fault.fault)} ${oneLine(fault.node)}${fault.toMs === null ? ', not healed' : ''}`;
    const outer = from < PANEL.width / 2;
    return html`<rect x="${from}" y="${top - 10}" width="${roundCoordinate(Math.max(1, to - from))}" height="${roundCoordinate(latencyBottom - top + 10)}"/><line x1="${from}" x2="${from}" y1="${top - 10}" y2="${latencyBottom}"/><text x="${outer ? from + 5 : from - 5}" y="${Math.min(top, rateTop) + 1}" text-anchor="${outer ? 'start' : 'end'}">${label}</text>`;
  })}</g>`;
}

function renderThroughput({ trial, x, rate }: Frame, bins: readonly TimelineBin[]): Markup {
  const keys = ['ok', 'info', 'failed'] as const;
  const last = bins.at(-1);
  // A step extends to the next point, so the last bin needs one more point for its width.
  const closed = last === undefined ? [] : [...bins, { ...last, tMs: last.tMs + trial.binMs }];
  const layers = stack<TimelineBin, (typeof keys)[number]>()
    .keys(keys)
    .value((bin, key) => perSecond(bin[key], trial))(closed);
  const shape = area<(typeof layers)[number][number]>()
    .x((point) => x(point.data.tMs))
    .y0((point) => rate(point[0]))
    .y1((point) => rate(point[1]))
    .curve(curveStepAfter)
    .digits(1);
  return html`${layers.map((layer) => html`<path class="${layer.key}" d="${shape(layer) ?? ''}"/>`)}`;
}

/** Labels the longest period without answers, in the space where no latencies are drawn. */
function silenceSummary({ trial, x, latencyBottom }: Frame, bins: readonly TimelineBin[]): Markup | null {
  const span = longestSilence(bins, trial.binMs);
  if (span === null) return null;
  const from = roundCoordinate(x(span.fromMs));
  const to = roundCoordinate(x(span.toMs));
  const y = roundCoordinate(latencyBottom - LATENCY_HEIGHT * 0.42);
  const text = formatMs(span.toMs - span.fromMs);
  const bracket = html`<path d="M${from},${y - 4}v8m0,-4H${to}m0,-4v8"/>`;
  if (to - from > 64) {
    const middle = roundCoordinate((from + to) / 2);
    return html`<g class="silence">${bracket}<text class="halo" x="${middle}" y="${y - 22}" text-anchor="middle">${text}</text><text class="halo when" x="${middle}" y="${y - 8}" text-anchor="middle">no answers</text></g>`;
  }
  // If the span is too narrow for its text, the text goes to the top of the panel, where latencies are rare.
  const left = from - PANEL.left > 160;
  return html`<g class="silence">${bracket}<text class="halo" x="${left ? from - 6 : to + 6}" y="${roundCoordinate(latencyBottom - LATENCY_HEIGHT + 8)}" text-anchor="${left ? 'end' : 'start'}">${text} <tspan class="when">no answers</tspan></text></g>`;
}

function renderPercentile(
  frame: Frame,
  bins: readonly TimelineBin[],
  key: 'p50Ms' | 'p99Ms',
  name: string,
): Markup {
  const { x, latency, trial } = frame;
  const path = line<TimelineBin>()
    .defined((bin) => bin[key] !== null && bin[key] > 0)
    .x((bin) => x(bin.tMs + trial.binMs / 2))
    .y((bin) => latency(bin[key] ?? 1))
    .digits(1);
  return html`<path class="line ${name}" d="${path(bins) ?? ''}"/>`;
}

/** Labels the two lines at their ends, and keeps the labels apart if the ends are close together. */
function lastLabels({ latency }: Frame, bins: readonly TimelineBin[]): Markup {
  const lastOf = (key: 'p50Ms' | 'p99Ms') => bins.findLast((bin) => (bin[key] ?? 0) > 0)?.[key] ?? null;
  const p50 = lastOf('p50Ms');
  const p99 = lastOf('p99Ms');
  if (p50 === null || p99 === null) return html``;
  const low = latency(p50);
  const high = Math.min(latency(p99), low - 13);
  const label = (name: string, y: number) =>
    html`<text class="label ${name}" x="${INNER_RIGHT + 5}" y="${roundCoordinate(y + 4)}">${name}</text>`;
  return html`${label('p50', low)}${label('p99', high)}`;
}

function renderMarks({ trial, x, latencyBottom }: Frame, client: string): Markup {
  return html`<g class="marks">${marksOf(trial, client).map(({ label, tMs }, index) => {
    const at = roundCoordinate(x(tMs));
    const y = 26 + (trial.faults.length + index) * ROW;
    const before = at > PANEL.width * 0.55;
    return html`<line x1="${at}" x2="${at}" y1="${y - 9}" y2="${latencyBottom}"/><text class="halo" x="${before ? at - 5 : at + 5}" y="${y + 1}" text-anchor="${before ? 'end' : 'start'}">${oneLine(label)} <tspan class="when">${formatMs(tMs)}</tspan></text>`;
  })}</g>`;
}

/** Renders a legend of the elements that the figure contains. */
export function overTimeLegend(trial: TrialView): Markup {
  const bins = Object.values(trial.timelines).flat();
  return html`<span class="key ok">answered</span>${bins.some(({ info }) => info > 0) && html` <span class="key info">outcome unknown</span>`}${bins.some(({ failed }) => failed > 0) && html` <span class="key failed">failed</span>`}${trial.faults.length > 0 && html` <span class="key shade">fault</span>`}`;
}

function describeTrial(trial: TrialView, client: string): string {
  const span = longestSilence(trial.timelines[client] ?? [], trial.binMs);
  const under = phasesOf(trial, client);
  const worst = under.reduce((most, phase) => Math.max(most, phase.worstMs ?? 0), 0);
  const hit = trial.faults.map(
    (fault) =>
      `${fault.fault} on ${fault.node} from ${formatMs(fault.fromMs)}${fault.toMs === null ? '' : ` to ${formatMs(fault.toMs)}`}`,
  );
  return oneLine(
    [
      `Operations per second and latency over ${formatMs(endOf(trial))}.`,
      hit.length === 0 ? '' : `Fault: ${hit.join(', ')}.`,
      span === null
        ? 'No outage.'
        : `No answer for ${formatMs(span.toMs - span.fromMs)} from ${formatMs(span.fromMs)}.`,
      `Highest p99 per bin ${formatMs(worst)}.`,
    ].join(' '),
  );
}

function phaseTable(trial: TrialView, clients: readonly string[]): Markup {
  const rows = clients.flatMap((client) => phasesOf(trial, client).map((phase) => ({ client, phase })));
  return wrapScrolling(
    `${oneLine(trial.drill)} by phase`,
    html`<table class="cards"><thead><tr><th scope="col">client</th><th scope="col">phase</th><th scope="col" class="n">answered</th><th scope="col" class="n">unknown</th><th scope="col" class="n">failed</th><th scope="col" class="n">typical p50 per bin</th><th scope="col" class="n">highest p99 per bin</th></tr></thead><tbody>${rows.map(
      ({ client, phase }) =>
        html`<tr><td class="who">${clientName(client)}</td><td data-label="phase">${phase.name}</td><td class="n" data-label="answered">${formatNumber(phase.ok)}</td><td class="n" data-label="unknown">${formatNumber(phase.info)}</td><td class="n" data-label="failed">${formatNumber(phase.failed)}</td><td class="n" data-label="typical p50 per bin">${phase.typicalMs === null ? '–' : formatMs(phase.typicalMs)}</td><td class="n" data-label="highest p99 per bin">${phase.worstMs === null ? '–' : formatMs(phase.worstMs)}</td></tr>`,
    )}</tbody></table>`,
  );
}
