/** Every criterion, grouped by source, worst first; out-of-scope criteria are folded, not hidden. */
import { scaleLinear } from 'd3-scale';
import type { Criterion, EvidenceRef } from '../../gates/gate.ts';
import type { Report } from '../report.ts';
import { sourceOf } from '../suites.ts';
import {
  byUrgency,
  claimOf,
  formatBound,
  formatMeasured,
  formatNumber,
  formatOverride,
  formatTarget,
  formatWaiver,
  oneLine,
  STATE_LABEL,
  shortSha,
  workloadsOf,
} from '../wording.ts';
import { roundCoordinate, wrapScrolling } from './chart.ts';
import { fileHref, html, type Markup, slugOf } from './markup.ts';
import { stateWord } from './states.ts';

interface Group {
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Criterion[];
}

export function criteriaSection(report: Report): Markup {
  const { criteria } = report.verdict;
  const drills = new Set(report.trials.map(({ drill }) => drill));
  const judged = byUrgency(criteria.filter(({ state }) => state !== 'OUT_OF_SCOPE'));
  const outside = criteria.filter(({ state }) => state === 'OUT_OF_SCOPE');
  const groups = [
    ...new Map(criteria.map((criterion) => [sourceOf(criterion).id, sourceOf(criterion)])).values(),
  ]
    .map((source) => ({
      ...source,
      rows: judged.filter((criterion) => sourceOf(criterion).id === source.id),
    }))
    .filter(({ rows }) => rows.length > 0);
  return html`<section id="criteria"><h2>Criteria</h2>
${groups.length === 0 && html`<p class="quiet">No criterion was in the scope of this run.</p>`}
${groups.length > 0 && renderTable(groups, drills)}
${outside.length > 0 && html`<details class="outside"><summary>${formatNumber(outside.length)} out of scope, not judged</summary><ul>${outside.map((criterion) => html`<li id="c-${slugOf(criterion.id)}"><b>${oneLine(criterion.title)}</b> <code>${oneLine(criterion.id)}</code> ${oneLine(criterion.reason)}</li>`)}</ul></details>`}
</section>`;
}

/** Renders all criteria in one table, so that columns are aligned throughout. */
function renderTable(groups: readonly Group[], drills: ReadonlySet<string>): Markup {
  return wrapScrolling(
    'Criteria',
    html`<table class="criteria"><thead><tr><th scope="col">State</th><th scope="col">Criterion</th><th scope="col" class="n">Measured</th><th scope="col"><span class="hidden">Measured against target</span></th><th scope="col">Target</th><th scope="col" class="n">n</th><th scope="col">Claim</th><th scope="col">Evidence</th></tr></thead>${groups.map(
      ({ id, title, rows }) =>
        html`<tbody><tr class="group"><th colspan="8" scope="rowgroup">${title} <span>${id}</span></th></tr>${rows.map((criterion) => renderRow(criterion, drills))}</tbody>`,
    )}</table>`,
  );
}

function renderRow(criterion: Criterion, drills: ReadonlySet<string>): Markup {
  const workloads = workloadsOf(criterion);
  const about = workloads.map((name, index) => [
    index === 0 ? ' on ' : ', ',
    drills.has(name) ? html`<a href="#d-${slugOf(name)}">${oneLine(name)}</a>` : oneLine(name),
  ]);
  const where = [criterion.scope.sli, criterion.source].map(oneLine).filter((text) => text !== '');
  return html`<tr id="c-${slugOf(criterion.id)}" class="${slugOf(STATE_LABEL[criterion.state])}"><td class="s">${stateWord(criterion.state)}</td>
<th scope="row">${oneLine(criterion.title)}<small><code>${oneLine(criterion.id)}</code>${about}</small><small>${where.join(' · ')}</small></th>
<td class="n m" data-label="measured">${formatMeasured(criterion)}</td><td class="b">${renderBullet(criterion)}</td><td class="t" data-label="target">${formatTarget(criterion)}</td>
<td class="n" data-label="n">${formatNumber(criterion.n)}${(criterion.attempts?.rounds ?? 1) > 1 && html`<small>${formatNumber(criterion.attempts?.rounds ?? 1)} rounds</small>`}</td>
<td class="c" data-label="claim">${criterion.bound === null ? claimOf(criterion) : html`${formatBound(criterion.bound, criterion.unit)}<small>${claimOf(criterion)}</small>`}${criterion.waiver !== undefined && html`<small>${formatWaiver(criterion)}</small>`}${criterion.override !== undefined && html`<small>${formatOverride(criterion)}</small>`}</td>
<td class="e" data-label="evidence">${renderEvidence(criterion.evidence)}</td></tr>`;
}

/** Draws the distance between the measured value and its target: a bar, with the target as a stroke. */
function renderBullet({ measured, target, unit, state }: Criterion): Markup | null {
  if (measured === null || target.op === '==' || target.value <= 0 || measured < 0) return null;
  // A share is drawn on the full scale, unless its target is close to zero.
  const whole = unit === 'ratio' && (target.op.startsWith('>') || target.value >= 0.2);
  const most = whole ? 1 : target.value * 1.33;
  const x = scaleLinear([0, most], [0, 88]).clamp(true);
  const at = roundCoordinate(x(target.value));
  const over = measured > most;
  return html`<svg class="bullet ${slugOf(STATE_LABEL[state])}" width="96" height="14" viewBox="0 0 96 14" aria-hidden="true"><rect class="track" x="0" y="5" width="88" height="4"/><rect class="bar" x="0" y="4" width="${roundCoordinate(Math.max(1.5, x(measured)))}" height="6"/>${over && html`<path class="bar" d="M89,2l6,5l-6,5z"/>`}<line x1="${at}" x2="${at}" y1="0" y2="14"/></svg>`;
}

function renderEvidence(refs: readonly EvidenceRef[]): Markup {
  if (refs.length === 0) return html`<span class="quiet">none</span>`;
  const links = refs.map(renderLink);
  if (refs.length <= 1) return html`${links}`;
  return html`<details><summary>${formatNumber(refs.length)} files</summary><ul>${links.map((each) => html`<li>${each}</li>`)}</ul></details>`;
}

function renderLink({ path, sha256 }: EvidenceRef): Markup {
  return html`<a href="${fileHref(path)}">${oneLine(path)}</a> <code class="sha" title="SHA-256 ${oneLine(sha256)}">${shortSha(sha256)}</code>`;
}
