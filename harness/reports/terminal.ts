/**
 * The report for a terminal of at least 40 columns: the verdict first, then the blocking criteria with their remedies,
 * then the tables, then the artifacts. The caller enables colour (on a terminal, and without NO_COLOR).
 */
import type { Criterion, CriterionState, Verdict } from '../gates/gate.ts';
import type { Report } from './report.ts';
import { type Column, Layout, type LayoutOptions, type Paint } from './terminal-layout.ts';
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
  formatGap,
  formatInstant,
  formatLost,
  formatMeasured,
  formatNumber,
  formatShippedTarget,
  formatTarget,
  formatWaiver,
  oneLine,
  overriddenCriteria,
  runFolder,
  runLine,
  STATE_GLYPH,
  STATE_LABEL,
  shortSha,
  versionLine,
  waivedCriteria,
} from './wording.ts';

export interface TerminalOptions extends LayoutOptions {
  /** Path of the run folder, as the user would type it; default `runs/<run id>`. */
  readonly directory?: string;
}

const STATE_PAINT: Readonly<Record<CriterionState, Paint>> = {
  PASS: 'green',
  FAIL: 'red',
  INSUFFICIENT: 'yellow',
  INVALID: 'yellow',
  NOT_MEASURED: 'yellow',
  WAIVED: 'yellow',
  OUT_OF_SCOPE: 'dim',
};

const DECISION_PAINT: Readonly<Record<Verdict['decision'], Paint>> = {
  GO: 'green',
  CONDITIONAL_GO: 'yellow',
  NO_GO: 'red',
  UNKNOWN: 'yellow',
};

export function renderTerminal(report: Report, options: TerminalOptions = {}): string {
  const layout = new Layout(options);
  const directory = options.directory === undefined ? runFolder(report) : oneLine(options.directory);
  const sections = [
    renderHead(report, layout),
    renderProblems(report, layout),
    renderBlocking(report, layout),
    renderWaivers(report, layout),
    renderOverrides(report, layout),
    criteriaTable(report, layout),
    renderComparison(report, layout),
    renderBenchmarks(report, layout),
    renderEvidence(report, directory, layout),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function renderHead(report: Report, layout: Layout): readonly string[] {
  const { verdict, run } = report;
  const decision = layout.paint(
    DECISION_PAINT[verdict.decision],
    layout.paint('bold', DECISION_LABEL[verdict.decision]),
  );
  const action = actionLabel(verdict.action);
  const isShort = layout.fits(`${DECISION_LABEL[verdict.decision]}  ${action}`);
  return [
    ...(isShort ? [`${decision}  ${action}`] : [`${decision}  `, ...layout.wrap(action, 4)]),
    ...layout.wrap(DECISION_MEANING[verdict.decision], 4),
    ...verdict.advice.flatMap((advice) => layout.wrap(`- ${oneLine(advice)}`, 4, 6)),
    ...layout.wrap(formatCounts(verdict.counts), 4).map((line) => layout.paint('bold', line)),
    ...layout
      .wrap(`${runLine(report)} · ${versionLine(report)} · ${formatInstant(run.startedAt)}`, 4)
      .map((line) => layout.paint('dim', line)),
  ];
}

function renderProblems(report: Report, layout: Layout): readonly string[] {
  const found = [
    ...evidenceProblems(report),
    ...brokenTrials(report).map(
      (trial) =>
        `${oneLine(trial.drill)} trial ${trial.trial}, ${trial.status}: ${oneLine(trial.reason ?? 'no reason given')}`,
    ),
  ];
  if (found.length === 0) return [];
  return [layout.heading('Evidence'), ...found.flatMap((line) => layout.wrap(`! ${line}`, 2, 4))];
}

function renderBlocking(report: Report, layout: Layout): readonly string[] {
  const criteria = byUrgency(report.verdict.criteria).filter(({ state }) => BLOCKING.includes(state));
  if (criteria.length === 0) return [];
  const blocks = criteria.map((criterion) =>
    [
      layout.paint(
        STATE_PAINT[criterion.state],
        layout.clip(
          `${STATE_GLYPH[criterion.state]} ${STATE_LABEL[criterion.state].toUpperCase()}  ${oneLine(criterion.id)}`,
        ),
      ),
      ...layout.wrap(oneLine(criterion.title), 4),
      ...layout.wrap(formatMeasurement(criterion), 4),
      ...(criterion.reason === '' ? [] : layout.wrap(`why     ${oneLine(criterion.reason)}`, 4, 12)),
      ...(formatAttempts(criterion) === '' ? [] : layout.wrap(`rounds  ${formatAttempts(criterion)}`, 4, 12)),
      ...(criterion.waiver === undefined ? [] : layout.wrap(`waiver  ${formatWaiver(criterion)}`, 4, 12)),
      ...(criterion.remedy === '' ? [] : layout.wrap(`remedy  ${oneLine(criterion.remedy)}`, 4, 12)),
    ].join('\n'),
  );
  return [layout.heading('Blocking criteria'), blocks.join('\n\n')];
}

function renderWaivers(report: Report, layout: Layout): readonly string[] {
  const waived = waivedCriteria(report);
  if (waived.length === 0) return [];
  const blocks = waived.map(([criterion, { owner, reason, expires }]) =>
    [
      layout.paint(STATE_PAINT.WAIVED, layout.clip(`${STATE_GLYPH.WAIVED} WAIVED  ${oneLine(criterion.id)}`)),
      ...layout.wrap(oneLine(criterion.title), 4),
      ...layout.wrap(formatMeasurement(criterion), 4),
      ...layout.wrap(`why     ${oneLine(criterion.reason)}`, 4, 12),
      ...layout.wrap(`owner   ${oneLine(owner)}`, 4, 12),
      ...layout.wrap(`until   ${oneLine(expires)}`, 4, 12),
      ...layout.wrap(`reason  ${oneLine(reason)}`, 4, 12),
    ].join('\n'),
  );
  return [layout.heading('Waived'), blocks.join('\n\n')];
}

/**
 * Renders the gates for which a user's file changed the target or other fields, including gates that are out of scope.
 */
function renderOverrides(report: Report, layout: Layout): readonly string[] {
  const overridden = overriddenCriteria(report);
  if (overridden.length === 0) return [];
  const blocks = overridden.map(([criterion, override]) =>
    [
      layout.clip(`  ${oneLine(criterion.id)}  ${STATE_LABEL[criterion.state]}`),
      ...layout.wrap(
        `target  ${formatTarget(criterion)}, shipped: ${formatShippedTarget(override)}; changed: ${override.fields.join(', ')} (${oneLine(override.file)})`,
        4,
        12,
      ),
      ...layout.wrap(`owner   ${oneLine(override.owner)}`, 4, 12),
      ...layout.wrap(`reason  ${oneLine(override.reason)}`, 4, 12),
    ].join('\n'),
  );
  return [layout.heading('Overridden gates'), blocks.join('\n\n')];
}

function formatMeasurement(criterion: Criterion): string {
  const bound = criterion.bound === null ? '' : `, bound ${formatBound(criterion.bound, criterion.unit)}`;
  const n =
    criterion.n < criterion.minN
      ? `${formatNumber(criterion.n)} of at least ${formatNumber(criterion.minN)}`
      : formatNumber(criterion.n);
  return `measured ${formatMeasured(criterion)}, target ${formatTarget(criterion)}, n ${n}${bound}`;
}

const CRITERIA_COLUMNS: readonly Column[] = [
  { name: 'state', widest: 14, align: 'left' },
  { name: 'criterion', widest: 42, align: 'left' },
  { name: 'measured', widest: 16, align: 'right' },
  { name: 'target', widest: 15, align: 'left' },
  { name: 'n', widest: 9, align: 'right' },
];

function criteriaTable(report: Report, layout: Layout): readonly string[] {
  const judged = byUrgency(report.verdict.criteria).filter(({ state }) => state !== 'OUT_OF_SCOPE');
  const skipped = report.verdict.counts.OUT_OF_SCOPE;
  if (judged.length === 0 && skipped === 0) return [];
  const rows = judged.map((criterion) => [
    `${STATE_GLYPH[criterion.state]} ${STATE_LABEL[criterion.state]}`,
    oneLine(criterion.id),
    formatMeasured(criterion),
    formatTarget(criterion),
    formatNumber(criterion.n),
  ]);
  const table = layout.table(CRITERIA_COLUMNS, rows);
  return [
    layout.heading('Criteria'),
    ...(judged.length === 0 ? [] : table.header.map((line) => layout.paint('dim', line))),
    ...judged.flatMap((criterion, index) =>
      (table.rows[index] ?? []).map((line) => layout.paint(STATE_PAINT[criterion.state], line)),
    ),
    ...repeatedLine(judged, layout).map((line) => layout.paint('dim', line)),
    ...(skipped === 0 ? [] : [layout.paint('dim', `  · ${skipped} out of scope, not judged`)]),
  ];
}

/** Lists the criteria that pass but needed more than the first round. */
function repeatedLine(judged: readonly Criterion[], layout: Layout): readonly string[] {
  return judged
    .filter((criterion) => !BLOCKING.includes(criterion.state) && formatAttempts(criterion) !== '')
    .flatMap((criterion) => layout.wrap(`· ${oneLine(criterion.id)}: ${formatAttempts(criterion)}`, 2, 4));
}

const COMPARISON_COLUMNS: readonly Column[] = [
  { name: 'drill', widest: 16, align: 'left' },
  { name: 'client', widest: 10, align: 'left' },
  { name: 'n', widest: 3, align: 'right' },
  { name: 'write gap', widest: 26, align: 'right' },
  { name: 'acknowledged, lost', widest: 26, align: 'right' },
  { name: 'twice', widest: 6, align: 'right' },
  { name: '> 1 s', widest: 7, align: 'right' },
  { name: 'dead', widest: 4, align: 'right' },
];

function renderComparison(report: Report, layout: Layout): readonly string[] {
  if (report.comparison.length === 0) return [];
  const rows = report.comparison.map((row) => [
    oneLine(row.drill),
    oneLine(row.client),
    formatNumber(row.trials),
    formatGap(row),
    `${formatLost(row.acknowledgedLost, row.durableLost)} of ${formatNumber(row.acknowledged)}`,
    formatNumber(row.appliedTwice),
    formatNumber(row.longerThan1s),
    formatNumber(row.deadClients),
  ]);
  const table = layout.table(COMPARISON_COLUMNS, rows);
  return [
    layout.heading('Failover comparison'),
    ...table.header.map((line) => layout.paint('dim', line)),
    ...table.rows.flat(),
    ...layout
      .wrap('ioredis: default settings; gap: min / median / max, ≥: not closed; twice: applied twice', 2)
      .map((line) => layout.paint('dim', line)),
  ];
}

function renderBenchmarks(report: Report, layout: Layout): readonly string[] {
  return report.benchmarks.flatMap(({ title, rows }, index) => [
    ...(index === 0 ? [layout.heading('Benchmarks')] : ['']),
    ...layout.wrap(oneLine(title), 2),
    ...rows.flatMap(({ label, value }) => layout.pair(oneLine(label), oneLine(value))),
  ]);
}

function renderEvidence(report: Report, directory: string, layout: Layout): readonly string[] {
  return [
    layout.heading('Artifacts'),
    ...layout.wrap(`${directory}/report.html   the same report with plots`, 2),
    ...layout.wrap(`kit verify ${directory}   checks the hashes and recomputes this verdict`, 2),
    ...(report.run.extensions ?? []).flatMap(({ name, path, sha256 }) =>
      layout.wrap(`extension: ${oneLine(name)} (${oneLine(path)}, SHA-256 ${shortSha(sha256)})`, 2, 4),
    ),
    ...report.run.deviations.flatMap((deviation) => layout.wrap(`deviation: ${oneLine(deviation)}`, 2, 4)),
  ];
}
