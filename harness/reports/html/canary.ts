/**
 * The canary rollouts of a run: decision and reasons, both arms, the evidence at each look, and the changes to the
 * share. The page that `kit canary-status --html` writes has the same parts.
 */
import type { RolloutLook } from '../../../canary/report/rollout-view.ts';
import { armsTable, changesTable, evidencePlot, reasonsList } from '../../../canary/report/sections.ts';
import type { Report, TrialView } from '../report.ts';
import { formatNumber, formatRatio, oneLine } from '../wording.ts';
import { html, Markup, slugOf } from './markup.ts';

type CanaryTrial = TrialView & { readonly canary: NonNullable<TrialView['canary']> };

/** Renders the section; returns null if the run has no rollout. */
export function canarySection({ trials }: Report): Markup | null {
  const rollouts = trials.filter((trial): trial is CanaryTrial => trial.canary !== undefined);
  const [first, ...others] = rollouts;
  if (first === undefined) return null;
  return html`<section id="canary"><h2>Canary</h2>${renderRollout(first)}${others.length > 0 && html`<details class="trials"><summary>${formatNumber(others.length)} more ${others.length === 1 ? 'rollout' : 'rollouts'}</summary>${others.map(renderRollout)}</details>`}</section>`;
}

function renderRollout({ drill, title, trial, round = 1, canary }: CanaryTrial): Markup {
  const looks = canary.looks.map(withCleanText);
  const shown = decisiveLook(looks);
  const changes = looks.filter(({ decision: { verdict } }) => verdict !== 'hold');
  const summary =
    shown === undefined
      ? 'no look'
      : `${shown.decision.verdict} after ${secondsText(shown.atMs)}, share ${formatRatio(shown.decision.share)}`;
  return html`<article class="drill rollout" id="rollout-${slugOf(drill)}-${trial}-${round}"><h3>${oneLine(title)} <code>${oneLine(drill)}</code></h3>
<p class="safe">Trial ${trial}${round > 1 && `, round ${round}`}: ${summary}. ${formatNumber(looks.length)} decisions; times are on the drill’s clock.</p>
${shown !== undefined && new Markup(reasonsList(shown.decision))}
<div class="columns"><div><h4>Arms at this decision</h4>${new Markup(armsTable(shown?.decision ?? null))}</div>
<figure><h4>Evidence against the canary</h4>${new Markup(evidencePlot(looks, canary.limits, secondsText))}</figure></div>
<h4>Changes to the share</h4>${new Markup(changesTable(changes, secondsText))}</article>`;
}

/** Returns the look at which a rollback was decided, or the last look if there was no rollback. */
function decisiveLook(looks: readonly RolloutLook[]): RolloutLook | undefined {
  return (
    looks.find(({ decision }) => decision.verdict === 'rollback') ??
    looks.findLast(({ decision }) => decision.figures !== null)
  );
}

function withCleanText({ atMs, decision }: RolloutLook): RolloutLook {
  const verdict = oneLine(decision.verdict) as RolloutLook['decision']['verdict'];
  return { atMs, decision: { ...decision, verdict, reasons: decision.reasons.map(oneLine) } };
}

function secondsText(atMs: number): string {
  return `${formatNumber(atMs / 1000)} s`;
}
