/** The drills: failovers and loads with their figures, scripted drills with their expectations. */
import type { Report, TrialView } from '../report.ts';
import { clientName, clientsOf, formatMs, formatNumber, oneLine } from '../wording.ts';
import { wrapScrolling } from './chart.ts';
import { comparisonTable } from './comparison.ts';
import { loadFigures } from './load.ts';
import { html, type Markup, slugOf } from './markup.ts';
import { overTimeFigure } from './over-time.ts';
import { longestSilence, worstFirst } from './timeline.ts';
import { topologyFigure } from './topology.ts';

type Draw = (trial: TrialView, id: string) => Markup;

export function failoverSection(report: Report): Markup | null {
  const groups = drillsOf(report, 'failover');
  if (groups.length + report.comparison.length === 0) return null;
  return html`<section id="failover"><h2>Failover</h2>${comparisonTable(report)}${groups.map((trials) => renderDrill(trials, failoverFigures))}</section>`;
}

function failoverFigures(trial: TrialView, id: string): Markup {
  return html`${overTimeFigure(trial, id)}${topologyFigure(trial, `${id}-topology`)}`;
}

export function loadSection(report: Report): Markup | null {
  const groups = drillsOf(report, 'load');
  if (groups.length + report.benchmarks.length === 0) return null;
  const draw: Draw = (trial, id) => loadFigures(trial, report.verdict.criteria, id);
  return html`<section id="load"><h2>Load</h2>${renderBenchmarks(report)}${groups.map((trials) => renderDrill(trials, draw))}</section>`;
}

function drillsOf(report: Report, family: TrialView['family']): readonly (readonly TrialView[])[] {
  const trials = report.trials.filter((trial) => trial.family === family);
  return [...new Set(trials.map((trial) => trial.drill))].map((id) =>
    trials.filter((trial) => trial.drill === id),
  );
}

function renderDrill(trials: readonly TrialView[], draw: Draw): Markup {
  const [first, ...others] = worstFirst(trials.filter(({ status }) => status === 'completed'));
  const named = first ?? trials[0];
  if (named === undefined) return html``;
  const id = slugOf(named.drill);
  return html`<article class="drill" id="d-${id}"><h3>${oneLine(named.title)} <code>${oneLine(named.drill)}</code></h3>
<p class="safe">${oneLine(named.safeOutcome)}</p>${trials.filter(({ status }) => status !== 'completed').map(brokenTrial)}
${first !== undefined && draw(first, `f-${id}-${first.trial}`)}
${others.length > 0 && html`<details class="trials"><summary>${formatNumber(others.length)} more ${others.length === 1 ? 'trial' : 'trials'}; the trial above has the longest outage of redis-cache-kit</summary>${others.map((trial) => html`<h4>Trial ${trial.trial}${inRound(trial)} ${longestSilences(trial)}</h4>${draw(trial, `f-${id}-${trial.trial}`)}`)}</details>`}
</article>`;
}

function longestSilences(trial: TrialView): Markup {
  const parts = clientsOf(trial).map((client) => {
    const span = longestSilence(trial.timelines[client] ?? [], trial.binMs);
    return `${clientName(client)} ${span === null ? 'no outage' : `no answer for ${formatMs(span.toMs - span.fromMs)}`}`;
  });
  return html`<span class="quiet">${parts.join(', ')}</span>`;
}

/**
 * Returns the text for the round of a trial that was repeated because the machine was too busy for a valid measurement.
 */
function inRound({ round = 1 }: TrialView): string {
  return round > 1 ? `, round ${round}` : '';
}

function brokenTrial(trial: TrialView): Markup {
  return html`<p class="broken"><b>Trial ${trial.trial}${inRound(trial)}: ${trial.status.replace('-', ' ')}.</b> ${oneLine(trial.reason ?? 'No reason was given.')}</p>`;
}

function renderBenchmarks(report: Report): Markup | null {
  if (report.benchmarks.length === 0) return null;
  return html`<div class="benchmarks">${report.benchmarks.map(
    ({ title, rows }) =>
      html`<table class="benchmark"><caption>${oneLine(title)}</caption><tbody>${rows.map(({ label, value }) => html`<tr><th scope="row">${oneLine(label)}</th><td class="n">${oneLine(value)}</td></tr>`)}</tbody></table>`,
  )}</div>`;
}

export function integrationSection(report: Report): Markup | null {
  const trials = report.trials.filter(({ family }) => family === 'integration');
  if (trials.length === 0) return null;
  return html`<section id="integration"><h2>Integration</h2><div class="scripts">${trials.map(scriptTable)}</div></section>`;
}

function scriptTable(trial: TrialView): Markup {
  const held = trial.expectations.filter((each) => each.held).length;
  const all = trial.expectations.length;
  const bad = held < all || trial.status !== 'completed';
  const tally = all === 0 ? 'no expectations' : `${formatNumber(held)} of ${formatNumber(all)} met`;
  return html`<details id="d-${slugOf(trial.drill)}${trial.trial > 1 && `-${trial.trial}`}" class="script${bad && ' bad'}"${bad && html` open`}><summary><span><b>${oneLine(trial.title)}</b> <code>${oneLine(trial.drill)}</code>${inRound(trial)}</span><span class="held">${tally}</span></summary>
${trial.status !== 'completed' && brokenTrial(trial)}
${
  all > 0 &&
  wrapScrolling(
    `Expectations of ${oneLine(trial.drill)}`,
    html`<table><thead><tr><th scope="col">Expectation</th><th scope="col">Expected</th><th scope="col">Actual</th><th scope="col"></th></tr></thead><tbody>${trial.expectations.map(
      (each) =>
        html`<tr class="${each.held ? 'pass' : 'fail'}"><td>${oneLine(each.what)}</td><td>${oneLine(each.expected)}</td><td>${oneLine(each.actual)}</td><td>${each.held ? 'met' : 'not met'}</td></tr>`,
    )}</tbody></table>`,
  )
}</details>`;
}
