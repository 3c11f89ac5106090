/**
 * Parts of a page about a rollout, as HTML: arms, evidence over time, decisions. The parts use the classes `evidence`,
 * `users`, `slow` and `limit`, which the style sheet of the page defines. Pure.
 */
import type { RollbackLimits, RolloutLook, ShownDecision } from './rollout-view.ts';
import { armRows, decisionText, percent } from './text.ts';

const WIDTH = 480;
const HEIGHT = 150;
/** Lower end of the axis, as a power of ten of the e-value; the upper end grows with the limits. */
const LOW = -2;
const LEAST_HIGH = 4;

type TimeText = (atMs: number) => string;

export function reasonsList({ reasons }: ShownDecision): string {
  return `<ul>${reasons.map((reason) => `<li>${escapeHtml(reason)}</li>`).join('')}</ul>`;
}

export function armsTable(decision: ShownDecision | null): string {
  const rows = decision === null ? [] : armRows(decision);
  return `<table><thead><tr><th scope="col"></th><th scope="col" class="n">canary</th><th scope="col" class="n">control</th></tr></thead><tbody>
${rows.map(([name, canary, control]) => `<tr><th scope="row">${escapeHtml(name)}</th><td class="n">${escapeHtml(canary)}</td><td class="n">${escapeHtml(control)}</td></tr>`).join('\n')}</tbody></table>`;
}

/** Renders the decisions that changed the share, newest first. */
export function changesTable(changes: readonly RolloutLook[], timeText: TimeText): string {
  return `<table><thead><tr><th scope="col">time</th><th scope="col" class="n">share</th><th scope="col">decision</th></tr></thead><tbody>
${changes
  .toReversed()
  .map(
    ({ atMs, decision }) =>
      `<tr><td class="time">${escapeHtml(timeText(atMs))}</td><td class="n">${percent(decision.share)}</td><td>${escapeHtml(decisionText(decision))}</td></tr>`,
  )
  .join('\n')}</tbody></table>`;
}

/** Draws the e-values of the looks on a logarithmic axis, with the rollback thresholds. */
export function evidencePlot(
  rollout: readonly RolloutLook[],
  limits: RollbackLimits,
  timeText: TimeText,
): string {
  const looks = rollout.flatMap(({ atMs, decision: { figures } }) =>
    figures === null ? [] : [{ atMs, ...figures.evidence }],
  );
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined) return '<p>No look yet.</p>';
  const span = Math.max(1, last.atMs - first.atMs);
  // More than one point per unit of width would not be visible.
  const every = Math.max(1, Math.ceil(looks.length / WIDTH));
  const high = Math.max(LEAST_HIGH, Math.ceil(Math.log10(Math.max(limits.users, limits.slow))) + 1);
  const y = (value: number) => {
    const power = Math.min(high, Math.max(LOW, Math.log10(Math.max(value, 10 ** LOW))));
    return (HEIGHT * (high - power)) / (high - LOW);
  };
  const line = (kind: 'users' | 'slow') =>
    looks
      .filter((_, i) => i % every === 0 || i === looks.length - 1)
      .map((look) => `${((WIDTH * (look.atMs - first.atMs)) / span).toFixed(1)},${y(look[kind]).toFixed(1)}`)
      .join(' ');
  const limitLine = (value: number, of: string) => {
    const at = y(value);
    return `<line class="limit" x1="0" x2="${WIDTH}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/><text x="4" y="${(at - 4).toFixed(1)}">rollback at ${value}${of}</text>`;
  };
  const limitLines =
    limits.users === limits.slow
      ? limitLine(limits.users, '')
      : `${limitLine(limits.users, ' (users)')}${limitLine(limits.slow, ' (slow)')}`;
  return `<svg class="evidence" viewBox="0 0 ${WIDTH} ${HEIGHT + 20}" role="img" aria-label="E-values over time">
${limitLines}
<polyline class="users" points="${line('users')}"/><polyline class="slow" points="${line('slow')}"/>
<text x="0" y="${HEIGHT + 15}">${escapeHtml(timeText(first.atMs))}</text><text x="${WIDTH}" y="${HEIGHT + 15}" text-anchor="end">${escapeHtml(timeText(last.atMs))}</text>
</svg><p class="note">Solid: users with errors. Dotted: slow requests. E-values on a log scale from 0.01 to ${10 ** high}.</p>`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
