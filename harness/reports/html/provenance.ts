/** Basis of the verdict: deviations, seal, versions and machine, and how to recompute the verdict. */
import type { Report } from '../report.ts';
import {
  formatBytes,
  formatInstant,
  formatNumber,
  oneLine,
  provenanceOf,
  runFolder,
  shortSha,
} from '../wording.ts';
import { machineTable } from './machine.ts';
import { html, type Markup } from './markup.ts';

export function provenanceSection(report: Report): Markup {
  const { run } = report;
  const rows: readonly (readonly [string, string])[] = [
    ...provenanceOf(report),
    ['processor', `${run.machine.cpu}, ${formatNumber(run.machine.cores)} cores`],
    ['memory', formatBytes(run.machine.memoryBytes)],
    ['kernel', run.machine.kernel],
    ['started', formatInstant(run.startedAt)],
    ['judged', formatInstant(run.judgedAt)],
    ['configuration', run.configSha256],
    ['command', run.argv.length === 0 ? '–' : run.argv.join(' ')],
  ];
  return html`<section id="provenance"><h2>Provenance</h2><div class="columns">
<div><h3>Deviations</h3>${run.deviations.length === 0 ? html`<p class="quiet">None: everything ran as configured.</p>` : html`<ul class="deviations">${run.deviations.map((each) => html`<li>${oneLine(each)}</li>`)}</ul>`}
<h3>Integrity</h3>${renderIntegrity(report)}
<h3>Recompute the verdict</h3><p>Checks the hash of every file, judges the recorded histories again and compares this report byte for byte:</p><pre><code>kit verify ${runFolder(report)}</code></pre></div>
<dl class="facts wide">${rows.map(([name, value]) => html`<div><dt>${oneLine(name)}</dt><dd>${name === 'configuration' ? html`<code title="${oneLine(value)}">${shortSha(value)}</code>` : oneLine(value)}</dd></div>`)}</dl>
</div>${machineTable(report)}</section>`;
}

function renderIntegrity({ integrity: { missing, altered }, run }: Report): Markup {
  const list = (title: string, paths: readonly string[]) =>
    paths.length > 0 &&
    html`<p class="broken"><b>${title}</b></p><ul class="files">${paths.map((path) => html`<li><code>${oneLine(path)}</code></li>`)}</ul>`;
  if (missing.length + altered.length === 0 && run.incomplete === undefined) {
    return html`<p>Every file matches the seal.</p>`;
  }
  return html`${run.incomplete !== undefined && html`<p class="broken"><b>The run did not finish.</b> ${oneLine(run.incomplete)}</p>`}${list('Missing', missing)}${list('Altered since sealing', altered)}`;
}
