/** The kit's client and the stock client under the same faults: figures, and the write gaps drawn on one log scale. */
import { scaleLog } from 'd3-scale';
import type { ComparisonRow, Report } from '../report.ts';
import { clientName, formatGap, formatMs, formatNumber, oneLine } from '../wording.ts';
import { decadesOf, decadeTicks, roundCoordinate, wrapScrolling } from './chart.ts';
import { html, type Markup } from './markup.ts';

const WIDTH = 150;

export function comparisonTable(report: Report): Markup | null {
  const { comparison } = report;
  if (comparison.length === 0) return null;
  const gaps = comparison.flatMap(({ writeGapMs }) =>
    writeGapMs === null ? [] : [writeGapMs.min, writeGapMs.max],
  );
  const domain = decadesOf(gaps);
  const x = scaleLog([...domain], [4, WIDTH - 4]).clamp(true);
  const drills = [...new Set(comparison.map(({ drill }) => drill))];
  return html`<h3 id="comparison">Failover comparison</h3>
${wrapScrolling(
  'Failover comparison',
  html`<table class="comparison"><thead><tr><th scope="col">Drill</th><th scope="col">Client</th><th scope="col" class="n">Trials</th><th scope="col" class="n">Write gap<small>min / median / max</small></th><th scope="col">${renderRuler(domain, x)}</th><th scope="col" class="n">Acknowledged</th><th scope="col" class="n">Lost</th><th scope="col" class="n">Durable lost</th><th scope="col" class="n">Twice</th><th scope="col" class="n">Over 1 s</th><th scope="col" class="n">Dead</th></tr></thead>${drills.map(
    (drill) => {
      const rows = comparison.filter((row) => row.drill === drill);
      return html`<tbody>${rows.map((row, index) => html`<tr>${index === 0 && html`<th scope="rowgroup" rowspan="${rows.length}">${oneLine(drill)}</th>`}${renderCells(row, x)}</tr>`)}</tbody>`;
    },
  )}</table>`,
)}
<p class="note">Lost: acknowledged writes that the master does not hold after the heal. Twice: INCRs and APPENDs that took effect more than once. Over 1 s: operations that took longer than a second. <em>ioredis, defaults</em> is the stock client with default settings; it has no durable writes. Dead: clients without a successful operation after the heal; their gap (≥) was still open when the trial ended.</p>`;
}

function renderCells(row: ComparisonRow, x: (value: number) => number): Markup {
  const countClass = (count: number) => (count > 0 ? 'n bad' : 'n');
  return html`<td class="client">${clientName(row.client)}</td><td class="n" data-label="trials">${formatNumber(row.trials)}</td><td class="n gap" data-label="write gap, min / median / max">${formatGap(row)}</td><td class="r">${renderRange(row, x)}</td><td class="n" data-label="acknowledged">${formatNumber(row.acknowledged)}</td><td class="${row.acknowledgedLost > 0 ? 'n some' : 'n'}" data-label="lost">${formatNumber(row.acknowledgedLost)}</td><td class="${countClass(row.durableLost ?? 0)}" data-label="durable lost">${row.durableLost === null ? '–' : formatNumber(row.durableLost)}</td><td class="${countClass(row.appliedTwice)}" data-label="twice">${formatNumber(row.appliedTwice)}</td><td class="n" data-label="over 1 s">${formatNumber(row.longerThan1s)}</td><td class="${countClass(row.deadClients)}" data-label="dead">${formatNumber(row.deadClients)}</td>`;
}

function renderRuler(domain: readonly [number, number], x: (value: number) => number): Markup {
  const ticks = decadeTicks(domain);
  return html`<svg class="range" width="${WIDTH}" height="22" viewBox="0 0 ${WIDTH} 22" role="img" aria-label="Write gap on a log scale">${ticks.map(
    (tick, index) => {
      const at = roundCoordinate(x(tick));
      const anchor = index === 0 ? 'start' : index === ticks.length - 1 ? 'end' : 'middle';
      return html`<line class="faint" x1="${at}" x2="${at}" y1="16" y2="22"/><text x="${at}" y="12" text-anchor="${anchor}">${formatMs(tick)}</text>`;
    },
  )}</svg>`;
}

function renderRange({ writeGapMs, client }: ComparisonRow, x: (value: number) => number): Markup | null {
  if (writeGapMs === null) return null;
  const [low, mid, high] = [writeGapMs.min, writeGapMs.median, writeGapMs.max].map((value) =>
    roundCoordinate(x(Math.max(value, 1e-3))),
  );
  return html`<svg class="range ${client === 'kit' ? 'kit' : 'stock'}" width="${WIDTH}" height="14" viewBox="0 0 ${WIDTH} 14" aria-hidden="true"><line class="track" x1="4" x2="${WIDTH - 4}" y1="7" y2="7"/><line class="span" x1="${low ?? 0}" x2="${high ?? 0}" y1="7" y2="7"/><circle cx="${mid ?? 0}" cy="7" r="4"/></svg>`;
}
