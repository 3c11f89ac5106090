/** A load drill: its latencies, its hit ratio, and, with enough operations, its course over time. */
import type { Criterion } from '../../gates/gate.ts';
import type { TrialView } from '../report.ts';
import { clientsOf } from '../wording.ts';
import { hitRatio } from './hit-ratio.ts';
import { type Latency, latencyTable, renderDistributions, stockOf, targetOf } from './latency.ts';
import { html, type Markup } from './markup.ts';
import { overTimeFigure, overTimeLegend, overTimePanels } from './over-time.ts';

/** Minimum number of operations: with fewer, a rate over time is noise. */
const ENOUGH_OPERATIONS = 1000;

export function loadFigures(trial: TrialView, criteria: readonly Criterion[], id: string): Markup {
  const ours = trial.latencies.filter(({ client, n }) => client === 'kit' && n > 0);
  const shown = ours.length > 0 ? ours : trial.latencies.filter(({ n }) => n > 0);
  const clients = clientsOf(trial);
  const bins = trial.timelines[clients[0] ?? ''] ?? [];
  const read = bins.some((bin) => bin.hits + bin.misses > 0);
  if (shown.length === 0 && !read) return html`<p class="quiet">No timeline was recorded.</p>`;
  const enough = bins.reduce((sum, bin) => sum + bin.ok, 0) >= ENOUGH_OPERATIONS;
  // The panel of a single client fits next to the histograms; several clients get a separate figure.
  const beside = enough && clients.length === 1;
  return html`<figure><div class="panels">${shown.length > 0 && renderDistributions(trial, shown, criteria, `${id}-l`)}<div class="stack">${read && hitRatio(trial, bins, criteria, `${id}-h`)}${beside && overTimePanels(trial, `${id}-t`)}</div></div>
<figcaption>${shown.length > 0 && html`${renderLegend(trial, shown, criteria)}`}${beside && html`${overTimeLegend(trial)} `}Trial ${trial.trial}.${shown.length > 0 && ' Each hill is a histogram on a log scale, scaled to its own maximum.'}</figcaption>
${trial.latencies.length > 0 && html`<details><summary>As a table</summary>${latencyTable(trial)}</details>`}</figure>
${enough && !beside && overTimeFigure(trial, `${id}-t`)}`;
}

function renderLegend(trial: TrialView, shown: readonly Latency[], criteria: readonly Criterion[]): Markup {
  const aimed = shown.some((row) => targetOf(criteria, trial.drill, row.kind) !== undefined);
  const overlaid = shown.some((row) => stockOf(trial, row) !== undefined);
  return html`<span class="key tick50">p50</span> <span class="key tick99">p99</span> ${aimed && html`<span class="key target">target</span> `}${overlaid && html`<span class="key outline">ioredis, defaults</span> `}`;
}
