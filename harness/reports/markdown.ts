/**
 * The report as a comment on a pull request: the essentials first, the tables folded. If a comment would exceed
 * GitHub's limit (65,536 characters), long parts are left out, starting with the last one.
 */
import type { Criterion, CriterionState, Verdict } from '../gates/gate.ts';
import type { Report } from './report.ts';
import {
  actionLabel,
  BLOCKING,
  brokenTrials,
  byUrgency,
  clientName,
  DECISION_LABEL,
  DECISION_MEANING,
  evidenceProblems,
  formatAttempts,
  formatBound,
  formatCounts,
  formatGap,
  formatInstant,
  formatLost,
  formatMeasured,
  formatNumber,
  formatShippedTarget,
  formatTarget,
  fullReason,
  oneLine,
  overriddenCriteria,
  provenanceOf,
  runFolder,
  STATE_LABEL,
  shortSha,
  waivedCriteria,
} from './wording.ts';

const LIMIT = 60_000;
const CELL_LIMIT = 400;

const DECISION_SIGN: Readonly<Record<Verdict['decision'], string>> = {
  GO: '🟢',
  CONDITIONAL_GO: '🟠',
  NO_GO: '🔴',
  UNKNOWN: '🟡',
};
const STATE_SIGN: Readonly<Record<CriterionState, string>> = {
  PASS: '🟢',
  FAIL: '🔴',
  INSUFFICIENT: '🟡',
  INVALID: '🟡',
  NOT_MEASURED: '🟡',
  WAIVED: '⚪',
  OUT_OF_SCOPE: '⚫',
};

export function renderMarkdown(report: Report): string {
  const always = [
    renderHead(report),
    renderProblems(report),
    renderBlocking(report),
    renderWaivers(report),
    renderOverrides(report),
  ];
  const foldedSection = [
    renderComparison(report),
    criteriaTable(report),
    renderBenchmarks(report),
    outOfScope(report),
    renderProvenance(report),
  ];
  const tail = `<sub>Full report with plots: <code>${escapeEntities(`${runFolder(report)}/report.html`)}</code> · recompute: <code>${escapeEntities(`kit verify ${runFolder(report)}`)}</code></sub>`;
  const parts = [...always, ...foldedSection].filter((part) => part !== '');
  while (parts.length > 1 && [...parts, tail].join('\n\n').length > LIMIT) parts.pop();
  return `${[...parts, tail].join('\n\n').slice(0, LIMIT + tail.length)}\n`;
}

function renderHead(report: Report): string {
  const { verdict, run } = report;
  const facts = [
    `**${escapeText(run.environment)}** on **${escapeText(run.substrate)}**`,
    `profile ${escapeText(run.profile)}`,
    `seed ${run.seed}`,
    `kit ${escapeText(run.kitVersion)}${run.commit === null ? '' : ` at \`${shortSha(run.commit)}\``}`,
    escapeText(formatInstant(run.startedAt)),
  ];
  return [
    `## ${DECISION_SIGN[verdict.decision]} ${DECISION_LABEL[verdict.decision]}: ${actionLabel(verdict.action).toLowerCase().replace('redis', 'Redis').replace('ttl', 'TTL')}`,
    '',
    `${DECISION_MEANING[verdict.decision]} ${capitalize(formatCounts(verdict.counts))}.`,
    ...(verdict.advice.length === 0
      ? []
      : ['', ...verdict.advice.map((advice) => `- ${escapeText(advice)}`)]),
    '',
    facts.join(' · '),
  ].join('\n');
}

function renderProblems(report: Report): string {
  const found = [
    ...evidenceProblems(report),
    ...brokenTrials(report).map(
      (trial) => `${trial.drill} trial ${trial.trial}, ${trial.status}: ${trial.reason ?? 'no reason given'}`,
    ),
  ];
  if (found.length === 0) return '';
  const shown = found.slice(0, 20).map((line) => `- ${escapeText(line)}`);
  const rest = found.length > 20 ? [`- … and ${found.length - 20} more`] : [];
  return ['**Evidence**', '', ...shown, ...rest].join('\n');
}

function renderBlocking(report: Report): string {
  const criteria = byUrgency(report.verdict.criteria).filter(({ state }) => BLOCKING.includes(state));
  if (criteria.length === 0) return '';
  return renderTable(
    ['', 'criterion', 'measured', 'target', 'why', 'remedy'],
    criteria.map((criterion) => [
      `${STATE_SIGN[criterion.state]} ${STATE_LABEL[criterion.state]}`,
      criterionName(criterion),
      escapeText(formatMeasured(criterion)),
      escapeText(formatTarget(criterion)),
      escapeText(fullReason(criterion)),
      escapeText(criterion.remedy),
    ]),
    'lllrll',
  );
}

function renderWaivers(report: Report): string {
  const waived = waivedCriteria(report);
  if (waived.length === 0) return '';
  return renderTable(
    ['', 'criterion', 'measured', 'target', 'why', 'owner', 'until', 'reason'],
    waived.map(([criterion, { owner, reason, expires }]) => [
      `${STATE_SIGN.WAIVED} ${STATE_LABEL.WAIVED}`,
      criterionName(criterion),
      escapeText(formatMeasured(criterion)),
      escapeText(formatTarget(criterion)),
      escapeText(criterion.reason),
      escapeText(owner),
      escapeText(expires),
      escapeText(reason),
    ]),
    'lllrllll',
  );
}

/**
 * Renders the gates for which a user's file changed the target or other fields, including gates that are out of scope.
 */
function renderOverrides(report: Report): string {
  const overridden = overriddenCriteria(report);
  if (overridden.length === 0) return '';
  return [
    '**Overridden gates**',
    '',
    renderTable(
      ['criterion', 'state', 'shipped target', 'target', 'changed', 'file', 'owner', 'reason'],
      overridden.map(([criterion, override]) => [
        criterionName(criterion),
        `${STATE_SIGN[criterion.state]} ${STATE_LABEL[criterion.state]}`,
        escapeText(formatShippedTarget(override)),
        escapeText(formatTarget(criterion)),
        escapeText(override.fields.join(', ')),
        escapeText(override.file),
        escapeText(override.owner),
        escapeText(override.reason),
      ]),
      'llrrllll',
    ),
  ].join('\n');
}

function criteriaTable(report: Report): string {
  const judged = byUrgency(report.verdict.criteria).filter(({ state }) => state !== 'OUT_OF_SCOPE');
  if (judged.length === 0) return '';
  return foldedSection(
    `All ${judged.length} criteria in scope`,
    renderTable(
      ['', 'criterion', 'source', 'measured', 'target', 'n', 'rounds', 'bound', 'evidence'],
      judged.map((criterion) => [
        `${STATE_SIGN[criterion.state]} ${STATE_LABEL[criterion.state]}`,
        criterionName(criterion),
        escapeText(criterion.source),
        escapeText(formatMeasured(criterion)),
        escapeText(formatTarget(criterion)),
        formatNumber(criterion.n),
        escapeText(formatAttempts(criterion)) || '1',
        escapeText(formatBound(criterion.bound, criterion.unit)),
        renderEvidence(criterion),
      ]),
      'lllrrrlll',
    ),
  );
}

function renderEvidence(criterion: Criterion): string {
  const [first, ...rest] = criterion.evidence;
  if (first === undefined) return '–';
  const more = rest.length === 0 ? '' : ` +${rest.length}`;
  return `<code>${escapeEntities(oneLine(first.path))}</code> ${shortSha(first.sha256)}${more}`;
}

function outOfScope(report: Report): string {
  const criteria = report.verdict.criteria.filter(({ state }) => state === 'OUT_OF_SCOPE');
  if (criteria.length === 0) return '';
  return foldedSection(
    `${criteria.length} out of scope`,
    criteria.map((criterion) => `- ${criterionName(criterion)} – ${escapeText(criterion.reason)}`).join('\n'),
  );
}

function renderComparison(report: Report): string {
  if (report.comparison.length === 0) return '';
  return foldedSection(
    'Failover comparison',
    renderTable(
      [
        'drill',
        'client',
        'trials',
        'write gap (min / median / max)',
        'acknowledged',
        'lost',
        'applied twice',
        'longer than 1 s',
        'dead clients',
      ],
      report.comparison.map((row) => [
        escapeText(row.drill),
        escapeText(clientName(row.client)),
        formatNumber(row.trials),
        formatGap(row),
        formatNumber(row.acknowledged),
        formatLost(row.acknowledgedLost, row.durableLost),
        formatNumber(row.appliedTwice),
        formatNumber(row.longerThan1s),
        formatNumber(row.deadClients),
      ]),
      'llrrrrrrr',
    ),
    true,
  );
}

function renderBenchmarks(report: Report): string {
  return report.benchmarks
    .map(({ title, rows }) =>
      foldedSection(
        escapeText(title),
        renderTable(
          ['', ''],
          rows.map(({ label, value }) => [escapeText(label), escapeText(value)]),
          'lr',
        ),
      ),
    )
    .join('\n\n');
}

function renderProvenance(report: Report): string {
  const { run } = report;
  return foldedSection(
    'Versions, machine, deviations',
    [
      ...provenanceOf(report).map(([name, value]) => `- ${escapeText(name)}: ${escapeText(value)}`),
      `- machine: ${escapeText(run.machine.cpu)}, ${run.machine.cores} cores, ${escapeText(run.machine.kernel)}`,
      `- configuration: \`${shortSha(run.configSha256)}\``,
      ...run.deviations.map((deviation) => `- deviation: ${escapeText(deviation)}`),
    ].join('\n'),
  );
}

function criterionName(criterion: Criterion): string {
  return `<code>${escapeEntities(oneLine(criterion.id))}</code> ${escapeText(criterion.title)}`;
}

function foldedSection(summary: string, body: string, open = false): string {
  return `<details${open ? ' open' : ''}><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

function renderTable(header: readonly string[], rows: readonly (readonly string[])[], align: string): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, column) => (align[column] === 'r' ? '--:' : ':--'));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function escapeEntities(text: string): string {
  const entity: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    '|': '&#124;',
    '@': '&#64;',
  };
  return clipText(oneLine(text)).replace(/[&<>"|@]/g, (symbol) => entity[symbol] ?? symbol);
}

/** Escapes a string so that it contains no markup, HTML, user mention, issue reference or link. */
function escapeText(text: string): string {
  return escapeEntities(text)
    .replace(/[\\`*_{}[\]~]/g, (symbol) => `\\${symbol}`)
    .replace(/(?<!&)#(?=\d)/g, '&#35;')
    .replace(/:\/\//g, ':&#47;&#47;');
}

function clipText(text: string): string {
  const symbols = [...text];
  return symbols.length <= CELL_LIMIT ? text : `${symbols.slice(0, CELL_LIMIT - 1).join('')}…`;
}
