/**
 * JUnit XML for CI: one test suite per topic, one test case per criterion. FAIL is a failure; a criterion that could
 * not be judged is an error, so that it can never be read as passed. WAIVED criteria are reported as skipped, with the
 * waiver, and so are requested criteria that cannot run on this machine. Criteria of other environments, profiles or
 * runs are listed in the output of the first suite, `Run`, whose test case checks that the run completed and that its
 * evidence has not changed since it was sealed.
 *
 * Times are elapsed times of the trials. Criteria of one drill share its trials, so the times of the test cases add up
 * to more than the time of their suite.
 */
import type { Criterion, CriterionState } from '../gates/gate.ts';
import { elapsedMs } from './instants.ts';
import type { Report } from './report.ts';
import { measuredMs, sourceOf, suitesOf, testedCriteria } from './suites.ts';
import {
  cleanText,
  DECISION_LABEL,
  evidenceProblems,
  formatAttempts,
  formatBound,
  formatMeasured,
  formatOverride,
  formatTarget,
  formatWaiver,
  fullReason,
  oneLine,
  overriddenCriteria,
  provenanceOf,
  RUN_CASE,
  runLine,
  STATE_LABEL,
} from './wording.ts';

interface TestCase {
  readonly classname: string;
  readonly name: string;
  readonly outcome: 'passed' | 'failure' | 'error' | 'skipped';
  readonly message: string;
  readonly type: string;
  readonly detail: string;
  readonly ms: number;
  /** Note shown with a test that passed. */
  readonly note?: string;
}

const OUTCOME: Readonly<Record<CriterionState, TestCase['outcome']>> = {
  PASS: 'passed',
  FAIL: 'failure',
  INSUFFICIENT: 'error',
  INVALID: 'error',
  NOT_MEASURED: 'error',
  WAIVED: 'skipped',
  OUT_OF_SCOPE: 'skipped',
};

/** Name of the suite for the run itself. */
export const RUN_SUITE = 'Run';

interface Suite {
  readonly name: string;
  readonly ms: number;
  readonly cases: readonly TestCase[];
}

export function renderJunit(report: Report): string {
  const tested = testedCriteria(report);
  const suites: readonly Suite[] = [
    { name: RUN_SUITE, ms: elapsedMs(report), cases: [runCase(report)] },
    ...suitesOf(tested).map((name) => {
      const own = tested.filter((criterion) => sourceOf(criterion).title === name);
      return { name, ms: measuredMs(report, own), cases: own.map((each) => criterionCase(report, each)) };
    }),
  ];
  const all = suites.flatMap(({ cases }) => cases);
  const title = `${DECISION_LABEL[report.verdict.decision]}: readiness of ${runLine(report)}`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escapeAttribute(title)}" ${renderTotals(all)} time="${inSeconds(elapsedMs(report))}">`,
    ...suites.map((suite) => renderSuite(report, suite)),
    '</testsuites>',
    '',
  ].join('\n');
}

function renderSuite(report: Report, { name, ms, cases }: Suite): string {
  const timestamp = escapeAttribute(report.run.startedAt.slice(0, 19));
  return [
    `  <testsuite name="${escapeAttribute(name)}" ${renderTotals(cases)} time="${inSeconds(ms)}" timestamp="${timestamp}" hostname="localhost">`,
    ...(name === RUN_SUITE ? [renderProperties(report)] : []),
    ...cases.map(renderTestCase),
    ...(name === RUN_SUITE ? renderNotes(report) : []),
    '  </testsuite>',
  ].join('\n');
}

/** Renders the advice, the overridden gates and the criteria that were out of scope. */
function renderNotes(report: Report): readonly string[] {
  const { verdict } = report;
  const unasked = verdict.criteria.filter(
    ({ state, unsupported }) => state === 'OUT_OF_SCOPE' && unsupported !== true,
  );
  const lines = [
    ...verdict.advice,
    ...overriddenCriteria(report).map(([criterion]) => `${criterion.id}: ${formatOverride(criterion)}`),
    ...(unasked.length === 0 ? [] : [`${unasked.length} criteria were not requested in this run:`]),
    ...unasked.map(({ id, title, reason }) => `${id} (${title}): ${reason}`),
  ];
  if (lines.length === 0) return [];
  return [`    <system-out>${escapeText(lines.map(oneLine).join('\n'))}</system-out>`];
}

function renderProperties(report: Report): string {
  const { run, verdict } = report;
  const values: Readonly<Record<string, string>> = {
    decision: DECISION_LABEL[verdict.decision],
    action: verdict.action ?? 'none',
    environment: run.environment,
    substrate: run.substrate,
    profile: run.profile,
    seed: String(run.seed),
    runId: run.runId,
    kitVersion: run.kitVersion,
    commit: run.commit ?? 'none',
    ...Object.fromEntries(provenanceOf(report)),
  };
  const lines = Object.entries(values).map(
    ([name, value]) => `      <property name="${escapeAttribute(name)}" value="${escapeAttribute(value)}"/>`,
  );
  return ['    <properties>', ...lines, '    </properties>'].join('\n');
}

function criterionCase(report: Report, criterion: Criterion): TestCase {
  const rounds = formatAttempts(criterion);
  const notes = [rounds === '' ? '' : `rounds: ${rounds}`, formatOverride(criterion)].filter(
    (note) => note !== '',
  );
  return {
    classname: `${sourceOf(criterion).title}.${criterion.id}`,
    name: criterion.title,
    ms: measuredMs(report, [criterion]),
    outcome: OUTCOME[criterion.state],
    type: criterion.state,
    ...(notes.length > 0 && { note: notes.join('\n') }),
    message: `${STATE_LABEL[criterion.state]}: ${fullReason(criterion)}`,
    detail: [
      `source: ${criterion.source}; workload: ${criterion.scope.workload}; sli: ${criterion.scope.sli}`,
      `measured ${formatMeasured(criterion)}, target ${formatTarget(criterion)}, n ${criterion.n} (at least ${criterion.minN})`,
      ...(formatAttempts(criterion) === '' ? [] : [`rounds: ${formatAttempts(criterion)}`]),
      ...(criterion.bound === null ? [] : [`bound ${formatBound(criterion.bound, criterion.unit)}`]),
      ...[formatWaiver(criterion), formatOverride(criterion)].filter((line) => line !== ''),
      ...(criterion.remedy === '' ? [] : [`remedy: ${criterion.remedy}`]),
      ...criterion.evidence.map((ref) => `evidence: ${ref.path} sha256:${ref.sha256}`),
    ].join('\n'),
  };
}

function runCase(report: Report): TestCase {
  const problems = evidenceProblems(report);
  const altered = report.integrity.altered.length > 0;
  return {
    classname: `${RUN_SUITE}.evidence`,
    name: RUN_CASE,
    ms: elapsedMs(report),
    outcome: problems.length === 0 ? 'passed' : altered ? 'failure' : 'error',
    type: altered ? 'ALTERED' : 'INCOMPLETE',
    message: problems[0] ?? '',
    detail: problems.join('\n'),
  };
}

function renderTestCase(test: TestCase): string {
  const open = `    <testcase classname="${escapeAttribute(test.classname)}" name="${escapeAttribute(test.name)}" time="${inSeconds(test.ms)}"`;
  const message = escapeAttribute(test.message);
  switch (test.outcome) {
    case 'passed':
      return test.note === undefined
        ? `${open}/>`
        : `${open}>\n      <system-out>${escapeText(test.note)}</system-out>\n    </testcase>`;
    case 'skipped':
      return `${open}>\n      <skipped message="${message}"/>\n    </testcase>`;
    case 'failure':
    case 'error':
      return `${open}>\n      <${test.outcome} type="${escapeAttribute(test.type)}" message="${message}">${escapeText(test.detail)}</${test.outcome}>\n    </testcase>`;
  }
}

/** Formats a time in seconds with milliseconds, `12.345`, as readers of JUnit expect. */
function inSeconds(ms: number): string {
  return (Math.max(0, ms) / 1_000).toFixed(3);
}

function renderTotals(cases: readonly TestCase[]): string {
  const count = (outcome: TestCase['outcome']) => cases.filter((test) => test.outcome === outcome).length;
  return `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`;
}

function escapeText(value: string): string {
  return cleanText(value).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function escapeAttribute(value: string): string {
  return escapeText(oneLine(value)).replace(/"/g, '&quot;').replace(/'/g, '&apos;');
}
