/**
 * The report for a terminal, at most 100 columns: the verdict first, then the blocking criteria with their remedies,
 * then the tables, then the artifacts. The caller enables colour (on a terminal, and without NO_COLOR).
 */
import type { Criterion, CriterionState, Verdict } from '../gates/gate.ts';
import type { Report } from './report.ts';
import {
  actionLabel,
  BLOCKING,
  brokenTrials,
  byUrgency,
  clipText,
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

export interface TerminalOptions {
  /** ANSI colours; off by default. */
  readonly colour?: boolean;
  /** Path of the run folder, as the user would type it; default `runs/<run id>`. */
  readonly directory?: string;
}

const WIDTH = 100;
type Paint = 'green' | 'red' | 'yellow' | 'dim' | 'bold';
const ANSI: Readonly<Record<Paint, string>> = { green: '32', red: '31', yellow: '33', dim: '2', bold: '1' };

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

type Painter = (paint: Paint, text: string) => string;

export function renderTerminal(report: Report, options: TerminalOptions = {}): string {
  const paint: Painter = (name, text) => (options.colour ? `\u001b[${ANSI[name]}m${text}\u001b[0m` : text);
  const directory = options.directory === undefined ? runFolder(report) : oneLine(options.directory);
  const sections = [
    renderHead(report, paint),
    renderProblems(report, paint),
    renderBlocking(report, paint),
    renderWaivers(report, paint),
    renderOverrides(report, paint),
    criteriaTable(report, paint),
    renderComparison(report, paint),
    renderBenchmarks(report, paint),
    renderEvidence(report, directory, paint),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function renderHead(report: Report, paint: Painter): readonly string[] {
  const { verdict, run } = report;
  const decision = paint(DECISION_PAINT[verdict.decision], paint('bold', DECISION_LABEL[verdict.decision]));
  return [
    `${decision}  ${actionLabel(verdict.action)}`,
    ...wrapText(DECISION_MEANING[verdict.decision], 4),
    ...verdict.advice.flatMap((advice) => wrapText(`- ${oneLine(advice)}`, 4, 6)),
    ...wrapText(formatCounts(verdict.counts), 4).map((line) => paint('bold', line)),
    ...wrapText(`${runLine(report)} · ${versionLine(report)} · ${formatInstant(run.startedAt)}`, 4).map(
      (line) => paint('dim', line),
    ),
  ];
}

function renderProblems(report: Report, paint: Painter): readonly string[] {
  const found = [
    ...evidenceProblems(report),
    ...brokenTrials(report).map(
      (trial) =>
        `${oneLine(trial.drill)} trial ${trial.trial}, ${trial.status}: ${oneLine(trial.reason ?? 'no reason given')}`,
    ),
  ];
  if (found.length === 0) return [];
  return [renderHeading('Evidence', paint), ...found.flatMap((line) => wrapText(`! ${line}`, 2, 4))];
}

function renderBlocking(report: Report, paint: Painter): readonly string[] {
  const criteria = byUrgency(report.verdict.criteria).filter(({ state }) => BLOCKING.includes(state));
  if (criteria.length === 0) return [];
  const blocks = criteria.map((criterion) =>
    [
      paint(
        STATE_PAINT[criterion.state],
        clipText(
          `${STATE_GLYPH[criterion.state]} ${STATE_LABEL[criterion.state].toUpperCase()}  ${oneLine(criterion.id)}`,
          WIDTH,
        ),
      ),
      ...wrapText(oneLine(criterion.title), 4),
      ...wrapText(formatMeasurement(criterion), 4),
      ...(criterion.reason === '' ? [] : wrapText(`why     ${oneLine(criterion.reason)}`, 4, 12)),
      ...(formatAttempts(criterion) === '' ? [] : wrapText(`rounds  ${formatAttempts(criterion)}`, 4, 12)),
      ...(criterion.waiver === undefined ? [] : wrapText(`waiver  ${formatWaiver(criterion)}`, 4, 12)),
      ...(criterion.remedy === '' ? [] : wrapText(`remedy  ${oneLine(criterion.remedy)}`, 4, 12)),
    ].join('\n'),
  );
  return [renderHeading('Blocking criteria', paint), blocks.join('\n\n')];
}

function renderWaivers(report: Report, paint: Painter): readonly string[] {
  const waived = waivedCriteria(report);
  if (waived.length === 0) return [];
  const blocks = waived.map(([criterion, { owner, reason, expires }]) =>
    [
      paint(STATE_PAINT.WAIVED, clipText(`${STATE_GLYPH.WAIVED} WAIVED  ${oneLine(criterion.id)}`, WIDTH)),
      ...wrapText(oneLine(criterion.title), 4),
      ...wrapText(formatMeasurement(criterion), 4),
      ...wrapText(`why     ${oneLine(criterion.reason)}`, 4, 12),
      ...wrapText(`owner   ${oneLine(owner)}`, 4, 12),
      ...wrapText(`until   ${oneLine(expires)}`, 4, 12),
      ...wrapText(`reason  ${oneLine(reason)}`, 4, 12),
    ].join('\n'),
  );
  return [renderHeading('Waived', paint), blocks.join('\n\n')];
}

/** Gates whose shipped target or other fields a user's file changed, including those out of scope. */
function renderOverrides(report: Report, paint: Painter): readonly string[] {
  const overridden = overriddenCriteria(report);
  if (overridden.length === 0) return [];
  const blocks = overridden.map(([criterion, override]) =>
    [
      clipText(`  ${oneLine(criterion.id)}  ${STATE_LABEL[criterion.state]}`, WIDTH),
      ...wrapText(
        `target  ${formatTarget(criterion)}, shipped: ${formatShippedTarget(override)}; changed: ${override.fields.join(', ')} (${oneLine(override.file)})`,
        4,
        12,
      ),
      ...wrapText(`owner   ${oneLine(override.owner)}`, 4, 12),
      ...wrapText(`reason  ${oneLine(override.reason)}`, 4, 12),
    ].join('\n'),
  );
  return [renderHeading('Overridden gates', paint), blocks.join('\n\n')];
}

function formatMeasurement(criterion: Criterion): string {
  const bound = criterion.bound === null ? '' : `, bound ${formatBound(criterion.bound, criterion.unit)}`;
  const n =
    criterion.n < criterion.minN
      ? `${formatNumber(criterion.n)} of at least ${formatNumber(criterion.minN)}`
      : formatNumber(criterion.n);
  return `measured ${formatMeasured(criterion)}, target ${formatTarget(criterion)}, n ${n}${bound}`;
}

function criteriaTable(report: Report, paint: Painter): readonly string[] {
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
  const lines = renderTable(
    ['state', 'criterion', 'measured', 'target', 'n'],
    rows,
    [14, 42, 16, 15, 9],
    'llrlr',
  );
  return [
    renderHeading('Criteria', paint),
    ...(judged.length === 0 ? [] : [paint('dim', lines[0] ?? '')]),
    ...judged.map((criterion, index) => paint(STATE_PAINT[criterion.state], lines[index + 1] ?? '')),
    ...repeatedLine(judged).map((line) => paint('dim', line)),
    ...(skipped === 0 ? [] : [paint('dim', `  · ${skipped} out of scope, not judged`)]),
  ];
}

/** Criteria that pass but needed more than the first round. */
function repeatedLine(judged: readonly Criterion[]): readonly string[] {
  return judged
    .filter((criterion) => !BLOCKING.includes(criterion.state) && formatAttempts(criterion) !== '')
    .flatMap((criterion) => wrapText(`· ${oneLine(criterion.id)}: ${formatAttempts(criterion)}`, 2, 4));
}

function renderComparison(report: Report, paint: Painter): readonly string[] {
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
  const header = ['drill', 'client', 'n', 'write gap', 'acknowledged, lost', 'twice', '> 1 s', 'dead'];
  const [first = '', ...rest] = renderTable(header, rows, [16, 10, 3, 26, 26, 6, 7, 4], 'llrrrrrr');
  return [
    renderHeading('Failover comparison', paint),
    paint('dim', first),
    ...rest,
    paint('dim', '  ioredis: default settings; gap: min / median / max, ≥: not closed; twice: applied twice'),
  ];
}

function renderBenchmarks(report: Report, paint: Painter): readonly string[] {
  return report.benchmarks.flatMap(({ title, rows }, index) => [
    ...(index === 0 ? [renderHeading('Benchmarks', paint)] : ['']),
    ...wrapText(oneLine(title), 2),
    ...rows.flatMap(({ label, value }) => wrapText(`${oneLine(label).padEnd(46)} ${oneLine(value)}`, 4, 51)),
  ]);
}

function renderEvidence(report: Report, directory: string, paint: Painter): readonly string[] {
  return [
    renderHeading('Artifacts', paint),
    ...wrapText(`${directory}/report.html   the same with plots`, 2),
    ...wrapText(`kit verify ${directory}   checks the hashes and recomputes this verdict`, 2),
    ...(report.run.extensions ?? []).flatMap(({ name, path, sha256 }) =>
      wrapText(`extension: ${oneLine(name)} (${oneLine(path)}, SHA-256 ${shortSha(sha256)})`, 2, 4),
    ),
    ...report.run.deviations.flatMap((deviation) => wrapText(`deviation: ${oneLine(deviation)}`, 2, 4)),
  ];
}

function renderHeading(text: string, paint: Painter): string {
  return paint('bold', text);
}

/** Renders a header line and one line per row; each column is as wide as necessary, cut at its maximum. */
function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  widest: readonly number[],
  align: string,
): readonly string[] {
  const widths = header.map((name, column) =>
    Math.min(
      widest[column] ?? WIDTH,
      Math.max(...[name, ...rows.map((row) => row[column] ?? '')].map(visibleLength)),
    ),
  );
  return [header, ...rows].map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      const cut = clipText(cell, width);
      const pad = ' '.repeat(Math.max(0, width - visibleLength(cut)));
      return align[column] === 'r' ? pad + cut : cut + pad;
    });
    return clipText(`  ${cells.join('  ')}`.trimEnd(), WIDTH);
  });
}

function visibleLength(text: string): number {
  return [...text].length;
}

/** Breaks at spaces; a word longer than a line is broken at the end of the line. */
function wrapText(text: string, indent: number, hanging = indent): readonly string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  let empty = true;
  for (const word of text.split(' ').flatMap((each) => splitWords(each, WIDTH - hanging))) {
    if (!empty && visibleLength(line) + 1 + visibleLength(word) > WIDTH) {
      lines.push(line);
      line = ' '.repeat(hanging);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

function splitWords(word: string, width: number): readonly string[] {
  const symbols = [...word];
  if (symbols.length <= width) return [word];
  const count = Math.ceil(symbols.length / width);
  return Array.from({ length: count }, (_, i) => symbols.slice(i * width, (i + 1) * width).join(''));
}
