/** A rollout as one HTML page without scripts and without requests: arms, evidence over time, decisions. Pure. */
import type { CanaryView } from '../inspection.ts';
import { eventsOf } from '../log/entry.ts';
import { armRows, decisionText, isoTime, percent } from './text.ts';

const WIDTH = 720;
const HEIGHT = 200;
/** Range of the axis, as powers of ten of the e-value; it grows with the limits. */
const LOW = -2;
const LEAST_HIGH = 4;
/** Points of a line: more are not visible. */
const POINTS = 720;

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .8rem;border-bottom:1px solid #d8dee4;text-align:right}
th:first-child,td:first-child,.left td{text-align:left}svg{max-width:100%;height:auto}.users{stroke:#c62828;fill:none}
.slow{stroke:#1565c0;fill:none}.limit{stroke:#777;stroke-dasharray:5 4}text{font-size:12px;fill:#555}`;

export function canaryPage(view: CanaryView, lines: readonly string[]): string {
  const { now, last, changes, log } = view;
  const shown = now ?? last?.decision ?? null;
  const rows = shown === null ? [] : armRows(shown);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Canary ${escapeHtml(view.flag)}</title><style>${STYLE}</style></head><body>
<h1>Canary ${escapeHtml(view.flag)}: ${escapeHtml(view.status)}, ${percent(view.share)} of the users</h1>
<p>Stages: ${view.stages.join(', ')} %.${shown === null ? ' No look yet.' : ` <strong>${escapeHtml(shown.verdict)}</strong>`}</p>
<ul>${(shown?.reasons ?? []).map((reason) => `<li>${escapeHtml(reason)}</li>`).join('')}</ul>
<h2>Arms</h2>
<table><tr><th></th><th>canary</th><th>control</th></tr>
${rows.map((row) => `<tr>${row.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`).join('\n')}</table>
<h2>Evidence against the canary</h2>
${evidencePlot(lines, view.limits)}
<h2>Changes of the share</h2>
<table class="left">${changes
    .toReversed()
    .map(
      ({ atMs, decision }) =>
        `<tr><td>${isoTime(atMs)}</td><td>${percent(decision.share)}</td><td>${escapeHtml(decisionText(decision))}</td></tr>`,
    )
    .join('\n')}</table>
<p>Log: ${log.entries} entries, ${log.decisions} decisions recomputed; ${
    log.problem === null
      ? `digest ${escapeHtml(log.digest ?? 'none')}`
      : `<strong>damaged</strong>: ${escapeHtml(log.problem)}`
  }.</p>
</body></html>
`;
}

/** E-values of the looks on a logarithmic axis, with the limits of a rollback. */
function evidencePlot(lines: readonly string[], limits: CanaryView['limits']): string {
  const looks = eventsOf(lines).flatMap(({ event: { atMs }, decision: { figures } }) =>
    figures === null ? [] : [{ atMs, ...figures.evidence }],
  );
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined) return '<p>No look yet.</p>';
  const span = Math.max(1, last.atMs - first.atMs);
  const every = Math.max(1, Math.ceil(looks.length / POINTS));
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
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 20}" role="img" aria-label="E-values over time">
${limitLines}
<polyline class="users" points="${line('users')}"/><polyline class="slow" points="${line('slow')}"/>
<text x="4" y="${HEIGHT + 15}">${isoTime(first.atMs)}</text><text x="${WIDTH - 130}" y="${HEIGHT + 15}">${isoTime(last.atMs)}</text>
</svg><p>Red: users with errors. Blue: slow requests.</p>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
