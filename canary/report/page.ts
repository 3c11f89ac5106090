/**
 * Renders a rollout as one HTML page without scripts or external resources: arms, evidence over time, decisions. Pure.
 */
import type { CanaryView } from '../inspection.ts';
import { eventsOf } from '../log/entry.ts';
import { armsTable, changesTable, escapeHtml, evidencePlot, reasonsList } from './sections.ts';
import { isoTime, percent } from './text.ts';

const STYLE = `:root{color-scheme:light dark;--ink:#1d1c1a;--paper:#fff;--muted:#65615a;--rule:#d9d4ca;--users:#b42318;--slow:#0a548c}
@media (prefers-color-scheme:dark){:root{--ink:#ebe8e2;--paper:#15171a;--muted:#a6a29a;--rule:#383b40;--users:#ff8b78;--slow:#83c5f7}}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--muted:#65615a;--rule:#d9d4ca;--users:#b42318;--slow:#0a548c}tr,svg{break-inside:avoid}}
body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper);overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}ul{padding-left:1.2rem}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}th,td{padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top;font-weight:400}
thead th,.note{color:var(--muted)}.n{text-align:right}.n,.time{white-space:nowrap}
.evidence{display:block;width:100%;height:auto}.evidence text{font-size:12px;fill:var(--muted)}.evidence polyline{fill:none;stroke-width:1.8}
.evidence .users{stroke:var(--users)}.evidence .slow{stroke:var(--slow);stroke-dasharray:2 3}.evidence .limit{stroke:var(--muted);stroke-dasharray:5 4}`;

export function canaryPage(view: CanaryView, lines: readonly string[]): string {
  const { now, last, changes, log } = view;
  const shown = now ?? last?.decision ?? null;
  const looks = eventsOf(lines).map(({ event: { atMs }, decision }) => ({ atMs, decision }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Canary ${escapeHtml(view.flag)}</title><style>${STYLE}</style></head><body><main>
<h1>Canary ${escapeHtml(view.flag)}: ${escapeHtml(view.status)}, ${percent(view.share)} of the users</h1>
<p>Stages: ${view.stages.join(', ')} %.${shown === null ? ' No look yet.' : ` <strong>${escapeHtml(shown.verdict)}</strong>`}</p>
${shown === null ? '' : reasonsList(shown)}
<h2>Arms</h2>
${armsTable(shown)}
<h2>Evidence against the canary</h2>
${evidencePlot(looks, view.limits, isoTime)}
<h2>Changes to the share</h2>
${changesTable(changes, isoTime)}
<p>Log: ${log.entries} entries, ${log.decisions} decisions recomputed; ${
    log.problem === null
      ? `digest ${escapeHtml(log.digest ?? 'none')}`
      : `<strong>damaged</strong>: ${escapeHtml(log.problem)}`
  }.</p>
</main></body></html>
`;
}
