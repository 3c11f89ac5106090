/** The first screen: the decision, the action, the basis of the verdict, and one symbol per criterion. */
import type { Verdict } from '../../gates/gate.ts';
import type { Report } from '../report.ts';
import {
  actionLabel,
  BLOCKING,
  brokenTrials,
  byUrgency,
  DECISION_LABEL,
  DECISION_MEANING,
  evidenceProblems,
  formatAttempts,
  formatBound,
  formatCounts,
  formatInstant,
  formatMeasured,
  formatNumber,
  formatShippedTarget,
  formatTarget,
  formatWaiver,
  oneLine,
  overriddenCriteria,
  redisVersion,
  STATE_LABEL,
  STATES,
  shortSha,
  waivedCriteria,
} from '../wording.ts';
import { html, type Markup, slugOf } from './markup.ts';
import { renderSign, stateWord } from './states.ts';

const DECISION_CLASS: Readonly<Record<Verdict['decision'], string>> = {
  GO: 'go',
  CONDITIONAL_GO: 'conditional-go',
  NO_GO: 'no-go',
  UNKNOWN: 'unknown',
};

export function verdictHeader(report: Report): Markup {
  const { verdict } = report;
  return html`<header class="masthead ${DECISION_CLASS[verdict.decision]}">
<p class="kicker">redis-cache-kit <span>readiness report</span></p>
<div class="front"><div class="decision">
<h1><span>${DECISION_LABEL[verdict.decision]}</span></h1>
<p class="action">${actionLabel(verdict.action)}.</p>
<p class="meaning">${DECISION_MEANING[verdict.decision]}</p>
${verdict.advice.length > 0 && html`<ul class="advice">${verdict.advice.map((advice) => html`<li>${oneLine(advice)}</li>`)}</ul>`}
</div>${renderFacts(report)}</div>
${renderCounts(verdict)}
</header>`;
}

function renderFacts(report: Report): Markup {
  const { run } = report;
  const redis = redisVersion(report);
  const rows: readonly (readonly [string, string])[] = [
    ['environment', run.environment],
    ['substrate', run.substrate],
    ['profile', run.profile],
    ['seed', String(run.seed)],
    ['judged', formatInstant(run.judgedAt)],
    ...(redis === undefined ? [] : [['redis', redis] as const]),
    ['kit', `${run.kitVersion}${run.commit === null ? '' : ` at ${shortSha(run.commit)}`}`],
    ['run', run.runId],
  ];
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${oneLine(value)}</dd></div>`)}</dl>`;
}

/**
 * Renders a unit chart with one symbol per criterion, so that readers can count criteria instead of estimating lengths.
 */
function renderCounts(verdict: Verdict): Markup {
  const present = STATES.filter((state) => verdict.counts[state] > 0);
  if (present.length === 0) return html`<p class="tally">No criterion was judged.</p>`;
  return html`<ul class="tally" aria-label="${formatCounts(verdict.counts)}">${present.map(
    (state) =>
      html`<li class="${slugOf(STATE_LABEL[state])}"><span class="count"><b>${formatNumber(verdict.counts[state])}</b> ${STATE_LABEL[state]}</span><span class="units" aria-hidden="true">${Array.from({ length: Math.min(400, verdict.counts[state]) }, () => renderSign(state))}</span></li>`,
  )}</ul>`;
}

/** Renders the waived criteria, each with owner, reason and expiry. */
export function renderWaivers(report: Report): Markup | null {
  const waived = waivedCriteria(report);
  if (waived.length === 0) return null;
  return html`<section id="waivers"><h2>Waived</h2><ol class="blockers">${waived.map(
    ([criterion, { owner, reason, expires }]) =>
      html`<li class="${slugOf(STATE_LABEL.WAIVED)}"><h3>${stateWord('WAIVED')} <a href="#c-${slugOf(criterion.id)}">${oneLine(criterion.title)}</a></h3>
<p class="figures"><b>${formatMeasured(criterion)}</b> measured · target ${formatTarget(criterion)} · n ${formatNumber(criterion.n)}</p>
<p>${oneLine(criterion.reason)}</p>
<dl class="facts"><div><dt>owner</dt><dd>${oneLine(owner)}</dd></div><div><dt>until</dt><dd>${oneLine(expires)}</dd></div><div><dt>reason</dt><dd>${oneLine(reason)}</dd></div></dl></li>`,
  )}</ol></section>`;
}

/**
 * Renders the gates for which a user's file changed the target or other fields, including gates that are out of scope.
 */
export function renderOverrides(report: Report): Markup | null {
  const overridden = overriddenCriteria(report);
  if (overridden.length === 0) return null;
  return html`<section id="overrides"><h2>Overridden gates</h2><ol class="blockers">${overridden.map(
    ([criterion, override]) =>
      html`<li class="${slugOf(STATE_LABEL[criterion.state])}"><h3>${stateWord(criterion.state)} <a href="#c-${slugOf(criterion.id)}">${oneLine(criterion.title)}</a></h3>
<p class="figures">target ${formatTarget(criterion)} · shipped target ${formatShippedTarget(override)} · changed: ${oneLine(override.fields.join(', '))}</p>
<dl class="facts"><div><dt>owner</dt><dd>${oneLine(override.owner)}</dd></div><div><dt>file</dt><dd>${oneLine(override.file)}</dd></div><div><dt>reason</dt><dd>${oneLine(override.reason)}</dd></div></dl></li>`,
  )}</ol></section>`;
}

export function renderBlockers(report: Report): Markup | null {
  const criteria = byUrgency(report.verdict.criteria).filter(({ state }) => BLOCKING.includes(state));
  const problems = [
    ...evidenceProblems(report),
    ...brokenTrials(report).map(
      (trial) =>
        `${trial.drill}, trial ${trial.trial}, ${trial.status}: ${trial.reason ?? 'no reason given'}`,
    ),
  ];
  if (criteria.length + problems.length === 0) return null;
  return html`<section id="blockers"><h2>Blocking criteria</h2>
${problems.length > 0 && html`<div class="notice"><h3>The evidence is incomplete</h3><ul>${problems.map((line) => html`<li>${oneLine(line)}</li>`)}</ul></div>`}
<ol class="blockers">${criteria.map(
    (
      criterion,
    ) => html`<li class="${slugOf(STATE_LABEL[criterion.state])}"><h3>${stateWord(criterion.state)} <a href="#c-${slugOf(criterion.id)}">${oneLine(criterion.title)}</a></h3>
<p class="figures"><b>${formatMeasured(criterion)}</b> measured · target ${formatTarget(criterion)} · n ${formatNumber(criterion.n)}${criterion.n < criterion.minN && html` of at least ${formatNumber(criterion.minN)}`}${formatAttempts(criterion) !== '' && ` · ${formatAttempts(criterion)}`}${criterion.bound !== null && html` · bound ${formatBound(criterion.bound, criterion.unit)}`}</p>
${criterion.reason !== '' && html`<p>${oneLine(criterion.reason)}</p>`}
${criterion.waiver !== undefined && html`<p>${formatWaiver(criterion)}</p>`}
${criterion.remedy !== '' && html`<p class="remedy"><span>Remedy</span> ${oneLine(criterion.remedy)}</p>`}</li>`,
  )}</ol></section>`;
}
