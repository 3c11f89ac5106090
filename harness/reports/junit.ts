/**
 * JUnit XML for CI: a suite per source, a testcase per criterion. FAIL is a failure; a criterion that could not be
 * judged is an error, so that it can never be read as passed; WAIVED and OUT_OF_SCOPE are skipped, with the reason. The
 * suite `run` holds two checks that are not criteria: that the run completed and that its evidence is unchanged since
 * the seal.
 */
import type { Criterion, CriterionState } from '../gates/gate.ts';
import type { Report } from './report.ts';
import {
  cleanText,
  DECISION_LABEL,
  evidenceProblems,
  formatAttempts,
  formatBound,
  formatMeasured,
  formatTarget,
  formatWaiver,
  oneLine,
  provenanceOf,
  reasonWithWaiver,
  runLine,
  STATE_LABEL,
  sourceOf,
  workloadsOf,
} from './wording.ts';

interface TestCase {
  readonly classname: string;
  readonly name: string;
  readonly outcome: 'passed' | 'failure' | 'error' | 'skipped';
  readonly message: string;
  readonly type: string;
  readonly detail: string;
  /** Shown with a test that passed. */
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

export function renderJunit(report: Report): string {
  const sources = [...new Set(report.verdict.criteria.map((criterion) => sourceOf(criterion).id))];
  const suites: readonly (readonly [string, readonly TestCase[]])[] = [
    ['run', [runCase(report)]],
    ...sources.map((source): [string, TestCase[]] => [
      source,
      report.verdict.criteria.filter((criterion) => sourceOf(criterion).id === source).map(criterionCase),
    ]),
  ];
  const all = suites.flatMap(([, cases]) => cases);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escapeAttribute(`readiness: ${runLine(report)}`)}" ${renderTotals(all)} time="0">`,
    ...suites.map(([name, cases]) => renderSuite(report, name, cases)),
    '</testsuites>',
    '',
  ].join('\n');
}

function renderSuite(report: Report, name: string, cases: readonly TestCase[]): string {
  const timestamp = escapeAttribute(report.run.startedAt.slice(0, 19));
  return [
    `  <testsuite name="${escapeAttribute(name)}" ${renderTotals(cases)} time="0" timestamp="${timestamp}" hostname="localhost">`,
    ...(name === 'run' ? [renderProperties(report)] : []),
    ...cases.map(renderTestCase),
    '  </testsuite>',
  ].join('\n');
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

function criterionCase(criterion: Criterion): TestCase {
  return {
    classname: `${workloadsOf(criterion)[0] ?? 'readiness'}.${criterion.id}`,
    name: criterion.title,
    outcome: OUTCOME[criterion.state],
    type: criterion.state,
    ...(formatAttempts(criterion) !== '' && { note: `rounds: ${formatAttempts(criterion)}` }),
    message: `${STATE_LABEL[criterion.state]}: ${reasonWithWaiver(criterion)}`,
    detail: [
      `source: ${criterion.source}; workload: ${criterion.scope.workload}; sli: ${criterion.scope.sli}`,
      `measured ${formatMeasured(criterion)}, target ${formatTarget(criterion)}, n ${criterion.n} (at least ${criterion.minN})`,
      ...(formatAttempts(criterion) === '' ? [] : [`rounds: ${formatAttempts(criterion)}`]),
      ...(criterion.bound === null ? [] : [`bound ${formatBound(criterion.bound, criterion.unit)}`]),
      ...(criterion.waiver === undefined ? [] : [formatWaiver(criterion)]),
      ...(criterion.remedy === '' ? [] : [`remedy: ${criterion.remedy}`]),
      ...criterion.evidence.map((ref) => `evidence: ${ref.path} sha256:${ref.sha256}`),
    ].join('\n'),
  };
}

function runCase(report: Report): TestCase {
  const problems = evidenceProblems(report);
  const altered = report.integrity.altered.length > 0;
  return {
    classname: 'run.evidence',
    name: 'the run is complete and its evidence matches the seal',
    outcome: problems.length === 0 ? 'passed' : altered ? 'failure' : 'error',
    type: altered ? 'ALTERED' : 'INCOMPLETE',
    message: problems[0] ?? '',
    detail: problems.join('\n'),
  };
}

function renderTestCase(test: TestCase): string {
  const open = `    <testcase classname="${escapeAttribute(test.classname)}" name="${escapeAttribute(test.name)}" time="0"`;
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
