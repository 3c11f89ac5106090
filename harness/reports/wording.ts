/**
 * Texts and figures shared by all formats, so that a terminal, a pull request and a page show the same text.
 *
 * All text from the evidence passes through `cleanText` before it is shown: a client's error text may contain escape
 * sequences, unpaired surrogates or any bytes sent by a hostile Redis. This module does no escaping, because each
 * format does its own, and never uses the locale, so that a report has the same bytes everywhere.
 */
import type { Action, Bound, Criterion, CriterionState, Verdict } from '../gates/gate.ts';
import type { ComparisonRow, Report, TrialView } from './report.ts';

/** States, worst first: the order in which a reader needs them. */
export const STATES: readonly CriterionState[] = [
  'FAIL',
  'INVALID',
  'INSUFFICIENT',
  'NOT_MEASURED',
  'WAIVED',
  'PASS',
  'OUT_OF_SCOPE',
];

export const STATE_LABEL: Readonly<Record<CriterionState, string>> = {
  FAIL: 'fail',
  INVALID: 'invalid',
  INSUFFICIENT: 'insufficient',
  NOT_MEASURED: 'not measured',
  WAIVED: 'waived',
  PASS: 'pass',
  OUT_OF_SCOPE: 'out of scope',
};

/** Symbol of each state, so that states differ in shape as well as in colour. */
export const STATE_GLYPH: Readonly<Record<CriterionState, string>> = {
  FAIL: '✗',
  INVALID: '!',
  INSUFFICIENT: '…',
  NOT_MEASURED: '?',
  WAIVED: '~',
  PASS: '✓',
  OUT_OF_SCOPE: '·',
};

/** States that block a GO. */
export const BLOCKING: readonly CriterionState[] = ['FAIL', 'INVALID', 'INSUFFICIENT', 'NOT_MEASURED'];

export const DECISION_LABEL: Readonly<Record<Verdict['decision'], string>> = {
  GO: 'GO',
  CONDITIONAL_GO: 'CONDITIONAL GO',
  NO_GO: 'NO-GO',
  UNKNOWN: 'UNKNOWN',
};

export const DECISION_MEANING: Readonly<Record<Verdict['decision'], string>> = {
  GO: 'All criteria in scope pass.',
  CONDITIONAL_GO:
    'No criterion blocks, but some pass only because of a waiver in force. The exit code is 0 until one of these waivers expires.',
  NO_GO: 'At least one criterion in scope fails.',
  UNKNOWN:
    'No criterion failed, but some that a GO requires were not judged. A criterion without a measurement never passes.',
};

const ACTION_LABEL: Readonly<Record<Action, string>> = {
  enable: 'Enable Redis',
  'keep-disabled': 'Keep Redis disabled, rely on the memory cache',
  'deploy-with-breaker': 'Deploy with the circuit breaker and a shorter TTL',
};

/** Returns the label of an action; null means that the run requested less than readiness. */
export function actionLabel(action: Action | null): string {
  return action === null ? 'kit readiness decides whether to enable Redis' : ACTION_LABEL[action];
}

const CLIENT_LABELS: ReadonlyMap<string, string> = new Map([
  ['kit', 'redis-cache-kit'],
  ['ioredis', 'ioredis, defaults'],
  ['ioredis-tuned', 'ioredis, tuned'],
  ['node-redis', 'node-redis 6'],
  ['node-redis-5', 'node-redis 5'],
  ['glide', 'valkey-glide 2'],
]);

/** Returns the display name of a client; stock clients have a descriptive name. */
export function clientName(client: string): string {
  return CLIENT_LABELS.get(client) ?? cleanText(client);
}

// Control characters except tab and line feed, noncharacters, the byte-order mark, and text-direction overrides.
const UNSHOWABLE = /[^\P{Cc}\t\n]|\p{Noncharacter_Code_Point}|\p{Bidi_Control}|\ufeff/gu;
const LONE_SURROGATE = /\p{Cs}/gu;

/** Returns a text that any format can hold: control characters are removed, broken surrogates replaced. */
export function cleanText(text: string): string {
  return text.replace(UNSHOWABLE, '').replace(LONE_SURROGATE, '\ufffd');
}

/** Like `cleanText`, but on one line. */
export function oneLine(text: string): string {
  return cleanText(text).replace(/\s+/g, ' ').trim();
}

/**
 * Formats a number: 12345.678 → `12,346`; 0.01234 → `0.0123`. Integers are unchanged; other numbers have `digits`
 * significant digits.
 */
export function formatNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? '−∞' : '–';
  const magnitude = Math.abs(value);
  if (Number.isInteger(value) || magnitude >= 10 ** digits) return groupDigits(Math.round(value));
  if (magnitude < 1e-6) return value.toExponential(1).replace('-', '−');
  const decimals = Math.min(12, Math.max(0, digits - 1 - Math.floor(Math.log10(magnitude))));
  const fixed = value
    .toFixed(decimals)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
  return fixed.startsWith('-') ? `−${fixed.slice(1)}` : fixed;
}

function groupDigits(whole: number): string {
  const digits = String(Math.abs(whole)).replace(/\B(?=(\d{3})+$)/g, ',');
  return whole < 0 ? `−${digits}` : digits;
}

const UNIT_LABEL: Readonly<Record<string, string>> = { us: 'µs', seconds: 's', percent: '%' };

/** Formats a value with its unit. Ratios are shown as percentages; a ratio below 1 is never shown as 100 %. */
export function formatQuantity(value: number | null, unit: string, digits = 3): string {
  if (value === null) return '–';
  if (unit === 'ratio') return formatRatio(value, digits);
  if (unit === 'boolean' && (value === 0 || value === 1)) return value === 1 ? 'yes' : 'no';
  const label = UNIT_LABEL[unit] ?? oneLine(unit);
  return label === '' || label === '1'
    ? formatNumber(value, digits)
    : `${formatNumber(value, digits)} ${label}`;
}

export function formatRatio(ratio: number, digits = 3): string {
  const percent = Number((ratio * 100).toPrecision(12));
  let shown = formatNumber(percent, digits);
  for (let more = digits + 1; shown === '100' && percent < 100 && more <= 12; more++)
    shown = formatNumber(percent, more);
  return `${shown} %`;
}

const OPERATOR: Readonly<Record<Criterion['target']['op'], string>> = {
  '<': '<',
  '<=': '≤',
  '>': '>',
  '>=': '≥',
  '==': '=',
};

export function formatTarget(criterion: Criterion): string {
  return `${OPERATOR[criterion.target.op]} ${formatQuantity(criterion.target.value, criterion.unit, 6)}`;
}

/**
 * Formats the measured value with as many digits as needed to distinguish it from the target: 99.95 % is not "100 %".
 */
export function formatMeasured(criterion: Criterion): string {
  const { measured, target, unit } = criterion;
  if (measured === null) return '–';
  const shownTarget = formatQuantity(target.value, unit, 6);
  for (let digits = 3; digits <= 8; digits++) {
    const shown = formatQuantity(measured, unit, digits);
    if (measured === target.value || shown !== shownTarget) return shown;
  }
  return formatQuantity(measured, unit, 12);
}

/** Formats a bound: `≤ 31.2 ms at 95 % (order-statistic)`. */
export function formatBound(bound: Bound | null, unit: string): string {
  if (bound === null) return '–';
  const sign = bound.kind === 'upper' ? '≤' : '≥';
  const confidence = formatNumber(bound.confidence * 100);
  return `${sign} ${formatQuantity(bound.value, unit)} at ${confidence} % (${oneLine(bound.method)})`;
}

/** Formats milliseconds in a readable unit: `0.42 ms`, `850 ms`, `12.4 s`. */
export function formatMs(ms: number): string {
  return Math.abs(ms) < 1000 ? `${formatNumber(ms)} ms` : `${formatNumber(ms / 1000)} s`;
}

export function formatBytes(bytes: number): string {
  const gib = bytes / 1024 ** 3;
  return gib >= 1 ? `${formatNumber(gib)} GiB` : `${formatNumber(bytes / 1024 ** 2)} MiB`;
}

export function shortSha(sha256: string): string {
  return cleanText(sha256).slice(0, 8);
}

/** Formats an instant: `2026-11-21T01:14:04.123Z` → `2026-11-21 01:14:04 UTC`; any other text is unchanged. */
export function formatInstant(iso: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(iso);
  return match === null ? oneLine(iso) : `${match[1]} ${match[2]} UTC`;
}

/** Sorts criteria: worst first, then in the order of the gates. */
export function byUrgency(criteria: readonly Criterion[]): readonly Criterion[] {
  return STATES.flatMap((state) => criteria.filter((criterion) => criterion.state === state));
}

/** Formats the states that occur, with their counts, worst first: `1 fail, 30 pass, 9 out of scope`. */
export function formatCounts(counts: Verdict['counts']): string {
  const parts = STATES.filter((state) => counts[state] > 0).map(
    (state) => `${groupDigits(counts[state])} ${STATE_LABEL[state]}`,
  );
  return parts.length === 0 ? 'no criteria' : parts.join(', ');
}

/**
 * Returns the clients of a trial: the kit's first, the others by name, because the order of keys in a report has no
 * meaning.
 */
export function clientsOf(trial: TrialView): readonly string[] {
  const kitFirst = (client: string) => (client === 'kit' ? 0 : 1);
  return Object.keys(trial.timelines).sort((a, b) => kitFirst(a) - kitFirst(b) || (a < b ? -1 : 1));
}

/** Returns the labels and versions in the report, in the order of the names. */
export function provenanceOf(report: Report): readonly (readonly [name: string, value: string])[] {
  const { provenance, extensions = [] } = report.run;
  const modules = extensions.map(({ name, path, sha256 }) => [
    `extension ${name}`,
    `${path}, SHA-256 ${shortSha(sha256)}`,
  ]) satisfies [string, string][];
  return [...Object.entries(provenance), ...modules].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)) as [
    string,
    string,
  ][];
}

/** Returns the Redis version: `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64` → `7.0.15`. */
export function redisVersion(report: Report): string | undefined {
  const { provenance } = report.run;
  const text = provenance['redis-version'] ?? provenance['redis-server'];
  return text === undefined ? undefined : (/\bv=(\d[\w.-]*)/.exec(text)?.[1] ?? oneLine(text));
}

/** Returns a summary of the run on one line: `dev · local · quick · seed 42`. */
export function runLine(report: Report): string {
  const { environment, substrate, profile, seed } = report.run;
  return [environment, substrate, profile, `seed ${seed}`].map(oneLine).join(' · ');
}

export function versionLine(report: Report): string {
  const { kitVersion, commit } = report.run;
  return `kit ${oneLine(kitVersion)}${commit === null ? '' : ` (${shortSha(commit)})`}`;
}

/** Name of the test case of the run itself, in the formats for CI. */
export const RUN_CASE = 'The run completed and its evidence matches the seal';

/** Returns all reasons not to trust the evidence itself, as sentences. */
export function evidenceProblems(report: Report): readonly string[] {
  const { integrity, run } = report;
  return [
    ...(run.incomplete === undefined ? [] : [`the run did not finish: ${oneLine(run.incomplete)}`]),
    ...integrity.missing.map((path) => `missing: ${oneLine(path)}`),
    ...integrity.altered.map((path) => `altered since it was sealed: ${oneLine(path)}`),
  ];
}

/** Returns the trials that did not yield a result to judge. */
export function brokenTrials(report: Report): readonly TrialView[] {
  return report.trials.filter((trial) => trial.status !== 'completed');
}

/** Formats lost writes as `3 (durable 0)`: async writes may be lost up to a bound, durable writes never. */
export function formatLost(lost: number, durableLost: number | null): string {
  return durableLost === null
    ? formatNumber(lost)
    : `${formatNumber(lost)} (durable ${formatNumber(durableLost)})`;
}

/**
 * Formats a write gap. The gap of a client that never recovered was still open when the trial ended, so the actual gap
 * is at least as long.
 */
export function formatGap({
  writeGapMs: gap,
  deadClients,
}: Pick<ComparisonRow, 'writeGapMs' | 'deadClients'>): string {
  if (gap === null) return '–';
  const open = deadClients > 0 ? '≥ ' : '';
  if (gap.min === gap.max) return `${open}${formatMs(gap.max)}`;
  const [scale, unit] = gap.max < 1000 ? [1, 'ms'] : [1000, 's'];
  const [min, median, max] = [gap.min, gap.median, gap.max].map((ms) => formatNumber(ms / scale));
  return `${min} / ${median} / ${open}${max} ${unit}`;
}

/** Returns the path of the evidence; the run folder is named after the run. */
export function runFolder(report: Report): string {
  return `runs/${oneLine(report.run.runId)}`;
}

/** Returns the reason for a criterion's state, without the value and the target that a table shows next to it. */
export function claimOf(criterion: Criterion): string {
  return oneLine(criterion.reason).replace(/^[^;]*, target [^;]*; /, '');
}

/** Returns the waived criteria with their waivers. */
export function waivedCriteria(report: Report): readonly (readonly [criterion: Criterion, waiver: Waiver])[] {
  return report.verdict.criteria.flatMap((criterion) =>
    criterion.state === 'WAIVED' && criterion.waiver !== undefined
      ? [[criterion, criterion.waiver] as const]
      : [],
  );
}

type Waiver = NonNullable<Criterion['waiver']>;

/**
 * Formats a waiver: `waived by Ada until 2030-12-31: known and watched`; for a waiver that is not in force, the text
 * gives the reason.
 */
export function formatWaiver({ waiver }: Pick<Criterion, 'waiver'>): string {
  if (waiver === undefined) return '';
  const { owner, reason, expires, status } = waiver;
  const text = {
    'in-force': `waived by ${owner} until ${expires}`,
    expired: `waiver of ${owner} expired on ${expires} and is not applied`,
    'too-long': `waiver of ${owner} until ${expires} is not applied, as it expires more than 30 days after the judgement`,
  }[status];
  return oneLine(`${text}: ${reason}`);
}

/**
 * Returns the criteria whose shipped gate was overridden, in the order of the gates, including criteria that are out of
 * scope.
 */
export function overriddenCriteria(
  report: Report,
): readonly (readonly [criterion: Criterion, override: Override])[] {
  return report.verdict.criteria.flatMap((criterion) =>
    criterion.override === undefined ? [] : [[criterion, criterion.override] as const],
  );
}

type Override = NonNullable<Criterion['override']>;

/** Formats the target of the gate before the override: `< 5 ms`. */
export function formatShippedTarget({ target, unit }: Override): string {
  return `${OPERATOR[target.op]} ${formatQuantity(target.value, unit, 6)}`;
}

/** Formats an override: `overridden by Ada in gates.yaml (target): shipped target < 5 ms, now < 8 ms: slower disks`. */
export function formatOverride(criterion: Criterion): string {
  const { override } = criterion;
  if (override === undefined) return '';
  const { owner, reason, file, fields } = override;
  return oneLine(
    `overridden by ${owner} in ${file} (${fields.join(', ')}): shipped target ${formatShippedTarget(override)}, target of this run ${formatTarget(criterion)}: ${reason}`,
  );
}

/** Returns the reason for the state with waiver and override, for formats that have one text per criterion. */
export function fullReason(criterion: Criterion): string {
  return [criterion.reason, formatWaiver(criterion), formatOverride(criterion)]
    .filter((text) => text !== '')
    .join('; ');
}

/**
 * Formats the attempts: `2 rounds, 1 trial left out (machine unsound)`; empty if every trial of the first round counts.
 */
export function formatAttempts({ attempts }: Pick<Criterion, 'attempts'>): string {
  if (attempts === undefined || (attempts.rounds === 1 && attempts.leftOut === 0)) return '';
  const countOf = (count: number, noun: string) => `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;
  return `${countOf(attempts.rounds, 'round')}, ${countOf(attempts.leftOut, 'trial')} left out (machine unsound)`;
}

/** Returns the drills that contribute to a criterion. */
export function workloadsOf(criterion: Criterion): readonly string[] {
  return criterion.scope.workload.split(', ').filter((name) => name !== '');
}

/** Truncates a string to a number of characters; the last character becomes an ellipsis. */
export function clipText(text: string, width: number): string {
  const symbols = [...text];
  return symbols.length <= width ? text : `${symbols.slice(0, Math.max(0, width - 1)).join('')}…`;
}
