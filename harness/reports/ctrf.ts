/**
 * CTRF (Common Test Report Format, specification 0.1.0): the content of JUnit as JSON. CTRF has no errors, so a
 * criterion that could not be judged is `failed`, with the state in `rawStatus`: most readers of CTRF look at failures
 * alone.
 */
import type { Criterion, CriterionState } from '../gates/gate.ts';
import { canonicalJson } from './json.ts';
import type { Report } from './report.ts';
import {
  evidenceProblems,
  formatBound,
  formatMeasured,
  formatTarget,
  oneLine,
  reasonWithWaiver,
  STATE_LABEL,
  shortSha,
  sourceOf,
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
      name: 'the run is complete and its evidence matches the seal',
      status: problems.length === 0 ? 'passed' : 'failed',
      duration: 0,
      suite: ['run'],
      ...(problems.length === 0 ? {} : { message: problems.join('; ') }),
    },
    ...verdict.criteria.map(ctrfTest),
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
        duration: Math.max(0, stop - start),
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
      extra: { decision: verdict.decision, action: verdict.action, advice: verdict.advice },
    },
  });
}

function ctrfTest(criterion: Criterion) {
  const { evidence, state } = criterion;
  return {
    name: `${criterion.id}: ${oneLine(criterion.title)}`,
    status: STATUS[state],
    rawStatus: state,
    duration: 0,
    suite: [sourceOf(criterion).id, oneLine(criterion.source)],
    message: `${STATE_LABEL[state]}: ${oneLine(reasonWithWaiver(criterion))}`,
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
      ...(criterion.waiver === undefined ? {} : { waiver: criterion.waiver }),
    },
  };
}

/** Milliseconds since 1970 of an ISO 8601 instant in UTC, by the civil calendar alone; 0 if it is not one. */
export function epochMs(iso: string): number {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z$/.exec(iso);
  if (match === null) return 0;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1, 7).map(Number);
  const ms = Number((match[7] ?? '0').padEnd(3, '0').slice(0, 3));
  // Years start in March here, so that the leap day is the last one (Hinnant, "chrono-Compatible Low-Level Date
  // Algorithms").
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000 + ms;
}
