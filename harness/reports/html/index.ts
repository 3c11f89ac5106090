/**
 * The report as one self-contained page: no script, no network, no font. The page leads from the decision and the
 * action at the top down to the evidence. Parts are in `html/`; drawings are inline SVG.
 */

import type { Report } from '../report.ts';
import { DECISION_LABEL, oneLine } from '../wording.ts';
import { canarySection } from './canary.ts';
import { criteriaSection } from './criteria.ts';
import { failoverSection, integrationSection, loadSection } from './drills.ts';
import { html, Markup } from './markup.ts';
import { provenanceSection } from './provenance.ts';
import { stateSymbols } from './states.ts';
import { STYLE } from './style.ts';
import { renderBlockers, renderOverrides, renderWaivers, verdictHeader } from './verdict.ts';

/** The page loads and executes nothing: it needs only its own style. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export function renderHtml(report: Report): string {
  const { run, verdict } = report;
  const sections: readonly (readonly [string, string, Markup | null])[] = [
    ['blockers', 'Blocking criteria', renderBlockers(report)],
    ['waivers', 'Waived', renderWaivers(report)],
    ['overrides', 'Overridden gates', renderOverrides(report)],
    ['failover', 'Failover', failoverSection(report)],
    ['canary', 'Canary', canarySection(report)],
    ['load', 'Load', loadSection(report)],
    ['criteria', 'Criteria', criteriaSection(report)],
    ['integration', 'Integration', integrationSection(report)],
    ['provenance', 'Provenance', provenanceSection(report)],
  ];
  const present = sections.filter(([, , section]) => section !== null);
  const title = `${DECISION_LABEL[verdict.decision]}: ${oneLine(run.environment)} on ${oneLine(run.substrate)}, readiness report`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
${stateSymbols()}
<div class="page">
${verdictHeader(report)}
<nav aria-label="Sections of the report">${present.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav>
<main id="main">
${present.map(([, , section]) => section)}
</main>
<footer><p>Machine-readable: <code>report.json</code>, schema <code>${report.schema}</code>.</p></footer>
</div>
</body>
</html>
`.text;
}
