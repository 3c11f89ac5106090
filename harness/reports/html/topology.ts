/**
 * The topology over a trial, on the same clock as the clients' panels: one lane per Redis node with the periods in
 * which it reported the master role, the faults on the lane of their node, and one lane per sentinel with its published
 * events.
 */
import { scaleLinear } from 'd3-scale';
import type { TrialView } from '../report.ts';
import { clipText, formatMs, formatNumber, oneLine } from '../wording.ts';
import { INNER_RIGHT, renderDrawing, roundCoordinate, timeAxis, wrapScrolling } from './chart.ts';
import { html, type Markup } from './markup.ts';
import { endOf } from './timeline.ts';

const LANE = 20;
const BAR = 10;
const TOP = 30;
/** Minimum left margin: node names are wider than the axis labels of the other panels. */
const LEAST_LEFT = 70;
/** Width of a character in units, measured for 12-unit text. */
const SYMBOL = 7;
/** Maximum number of characters of a node's name; addresses of an external Redis can be longer. */
const MOST_SYMBOLS = 24;

type Events = NonNullable<TrialView['events']>;

/** Renders the figure; returns null for a trial without recorded roles and events. */
export function topologyFigure(trial: TrialView, id: string): Markup | null {
  const { masters = [], events = [] } = trial;
  const nodes = lanesOf(trial);
  if (masters.length === 0 || nodes.length === 0) return null;
  const labels = new Map(nodes.map((node) => [node, clipText(oneLine(node), MOST_SYMBOLS)]));
  const longest = Math.max(...[...labels.values()].map((label) => [...label].length));
  const left = Math.max(LEAST_LEFT, 8 + longest * SYMBOL);
  const x = scaleLinear([0, endOf(trial)], [left, INNER_RIGHT]);
  const at = (ms: number) => roundCoordinate(Math.min(INNER_RIGHT, Math.max(left, x(ms))));
  const bottom = TOP + nodes.length * LANE;
  const lanes = nodes.map((node, lane) => {
    const y = TOP + lane * LANE;
    const middle = y + LANE / 2;
    const ofNode = masters.filter((span) => span.node === node);
    const struck = trial.faults.filter((fault) => fault.node === node);
    return html`<g class="lane"><line x1="${left}" x2="${INNER_RIGHT}" y1="${middle}" y2="${middle}"/><text x="${left - 8}" y="${middle + 4}" text-anchor="end">${labels.get(node) ?? ''}</text>${struck.map(
      ({ fromMs, toMs }) =>
        html`<rect class="struck" x="${at(fromMs)}" y="${y + 1}" width="${roundCoordinate(Math.max(1, at(toMs ?? endOf(trial)) - at(fromMs)))}" height="${LANE - 2}"/>`,
    )}${ofNode.map(({ fromMs, toMs }) => html`<rect class="master" x="${at(fromMs)}" y="${middle - BAR / 2}" width="${roundCoordinate(Math.max(1.5, at(toMs ?? endOf(trial)) - at(fromMs)))}" height="${BAR}"/>`)}${events
      .filter((event) => event.node === node && event.source === 'sentinel')
      .map(
        ({ tMs, label }) =>
          html`<line class="event${label.startsWith('+switch-master') && ' switch'}" x1="${at(tMs)}" x2="${at(tMs)}" y1="${y + 4}" y2="${y + LANE - 4}"/>`,
      )}</g>`;
  });
  return html`<figure class="topology"><div class="panels">${renderDrawing(
    id,
    bottom + 24,
    `${oneLine(trial.drill)}, master and sentinels`,
    describeMasters(trial),
    html`<text class="name" x="0" y="13">Master and sentinels</text>`,
    lanes,
    timeAxis(x, bottom),
  )}</div>
<figcaption><span class="key master">role master</span>${trial.faults.length > 0 && html` <span class="key shade">fault</span>`}${events.some(({ source }) => source === 'sentinel') && html` <span class="key event">published by a sentinel</span>`}${events.some(({ label }) => label === '+switch-master') && html` <span class="key switch">+switch-master</span>`} Roles are sampled once per second.</figcaption>
${events.length > 0 && html`<details><summary>${formatNumber(events.length)} events as a table</summary>${eventTable(trial, events)}</details>`}</figure>`;
}

/** Returns the names of the lanes: Redis nodes first, then the sentinels, each sorted by name. */
function lanesOf({ masters = [], events = [], faults }: TrialView): readonly string[] {
  const named = [...masters, ...events, ...faults].map(({ node }) => node).filter((node) => node !== '');
  const order = (node: string) => (node.startsWith('redis-') ? 0 : 1);
  return [...new Set(named)].sort(
    (a, b) => order(a) - order(b) || a.localeCompare(b, 'en', { numeric: true }),
  );
}

function describeMasters(trial: TrialView): string {
  return oneLine(
    (trial.masters ?? [])
      .map(
        ({ node, fromMs, toMs }) =>
          `${node} was master from ${formatMs(fromMs)} to ${formatMs(toMs ?? endOf(trial))}.`,
      )
      .join(' '),
  );
}

function eventTable(trial: TrialView, events: Events): Markup {
  return wrapScrolling(
    `${oneLine(trial.drill)}, events`,
    html`<table class="cards"><thead><tr><th scope="col" class="n">time</th><th scope="col">node</th><th scope="col">event</th><th scope="col">message</th></tr></thead><tbody>${events.map(
      ({ tMs, node, label, detail }) =>
        html`<tr><td class="n">${formatMs(tMs)}</td><td>${oneLine(node)}</td><td>${oneLine(label)}</td><td class="detail">${oneLine(detail)}</td></tr>`,
    )}</tbody></table>`,
  );
}
