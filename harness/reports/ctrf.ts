/**
 * CTRF (Common Test Report Format, specification 0.1.0): the content of the JUnit report as JSON, with the same suites,
 * cases and times. CTRF has no status for errors, so a criterion that could not be judged is `failed`, with the state
 * in `rawStatus`: most readers of CTRF only look at failures.
 */
import { canonicalJson } from '../evidence/canonical-json.ts';
import type { Criterion, CriterionState } from '../gates/gate.ts';
import { elapsedMs, epochMs } from './instants.ts';
import { RUN_SUITE } from './junit.ts';
import type { Report } from './report.ts';
import { measuredMs, sourceOf, testedCriteria } from './suites.ts';
import {
  evidenceProblems,
  formatBound,
  formatMeasured,
  formatTarget,
  fullReason,
  oneLine,
  overriddenCriteria,
  RUN_CASE,
  STATE_LABEL,
  shortSha,
  workloadsOf,
} from './wording.ts';

type Status = 'passed' | 'failed' | 'skipped';

const STATUS: Readonly<Record<CriterionState, Status>> = {
  PASS: 'passed',
  FAIL: 'failed',
  INSUFFICIENT: 'failed',
  INVALID: 'failed',
  NOT_MEASURED: 'failed',
  WAIVED: 'skipped',
  OUT_OF_SCOPE: 'skipped',
};

export function renderCtrf(report: Report): string {
  const { run, verdict } = report;
  const problems = evidenceProblems(report);
  const tests = [
    {
      name: RUN_CASE,
      status: problems.length === 0 ? 'passed' : 'failed',
      duration: elapsedMs(report),
      suite: [RUN_SUITE],
      ...(problems.length === 0 ? {} : { message: problems.join('; ') }),
    },
    ...testedCriteria(report).map((criterion) => ctrfTest(report, criterion)),
  ];
  const count = (status: Status) => tests.filter((each) => each.status === status).length;
  const start = epochMs(run.startedAt);
  const stop = epochMs(run.judgedAt);
  return canonicalJson({
    reportFormat: 'CTRF',
    specVersion: '0.1.0',
    timestamp: run.judgedAt,
    generatedBy: `redis-cache-kit ${run.kitVersion}`,
    results: {
      tool: { name: 'redis-cache-kit', version: run.kitVersion },
      summary: {
        tests: tests.length,
        passed: count('passed'),
        failed: count('failed'),
        skipped: count('skipped'),
        pending: 0,
        other: 0,
        suites: new Set(tests.map((each) => each.suite[0])).size,
        start,
        stop,
        duration: elapsedMs(report),
      },
      tests,
      environment: {
        appName: 'redis-cache-kit',
        appVersion: run.kitVersion,
        buildName: run.runId,
        testEnvironment: run.environment,
        osRelease: run.machine.kernel,
        ...(run.commit === null ? {} : { commit: run.commit }),
        extra: { substrate: run.substrate, profile: run.profile, seed: run.seed, provenance: run.provenance },
      },
      extra: {
        decision: verdict.decision,
        action: verdict.action,
        advice: verdict.advice,
        overrides: overriddenCriteria(report).map(([{ id, target, unit }, override]) => ({
          ...{ gate: id, target, unit, override },
        })),
        notAsked: verdict.criteria
          .filter(({ state, unsupported }) => state === 'OUT_OF_SCOPE' && unsupported !== true)
          .map(({ id, reason }) => ({ id, reason })),
      },
    },
  });
}

function ctrfTest(report: Report, criterion: Criterion) {
  const { evidence, state } = criterion;
  return {
    name: `${oneLine(criterion.title)} (${criterion.id})`,
    status: STATUS[state],
    rawStatus: state,
    duration: Math.round(measuredMs(report, [criterion])),
    suite: [oneLine(sourceOf(criterion).title)],
    message: `${STATE_LABEL[state]}: ${oneLine(fullReason(criterion))}`,
    ...(state === 'PASS' || criterion.remedy === '' ? {} : { trace: `remedy: ${oneLine(criterion.remedy)}` }),
    tags: [...workloadsOf(criterion), criterion.scope.sli].map(oneLine).filter((tag) => tag !== ''),
    attachments: evidence.map((ref) => ({
      name: `${oneLine(ref.path)} (${shortSha(ref.sha256)})`,
      contentType: ref.path.endsWith('.json') ? 'application/json' : 'application/x-ndjson',
      path: ref.path,
    })),
    extra: {
      measured: formatMeasured(criterion),
      target: formatTarget(criterion),
      n: criterion.n,
      minN: criterion.minN,
      ...(criterion.attempts !== undefined && { attempts: criterion.attempts }),
      bound: formatBound(criterion.bound, criterion.unit),
      source: oneLine(criterion.source),
      ...(criterion.waiver === undefined ? {} : { waiver: criterion.waiver }),
      ...(criterion.override === undefined ? {} : { override: criterion.override }),
    },
  };
}
