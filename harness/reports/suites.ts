/**
 * Groups criteria under names that readers understand without the project's documents, and computes the times of their
 * trials. Tables that list a source use its id (`C4`, `004`).
 */
import type { Criterion } from '../gates/gate.ts';
import type { Report, TrialView } from './report.ts';
import { oneLine, workloadsOf } from './wording.ts';

const TITLES: Readonly<Record<string, string>> = {
  '001': 'Cache benchmarks',
  '002': 'Production checklist',
  '004': 'Readiness criteria',
  A: 'Provisioning and configuration',
  B: 'Cache client',
  C1: 'Integration and consistency',
  C2: 'Failover',
  C3: 'Load',
  C4: 'Service level targets',
  C5: 'Evidence of the run',
  D: 'Canary',
  E: 'Redis Cluster and further environments',
  'client/README.md': 'Documented behaviour of the cache client',
  drills: 'Failover',
};

export interface Source {
  /** Id: `C4`, `004`, or the text itself for any other source. */
  readonly id: string;
  readonly title: string;
}

/** Returns the first source of a criterion: `C4` for `C4; 002 Availability`, `004` for `004 §3 Security`. */
export function sourceOf(criterion: Pick<Criterion, 'source'>): Source {
  const source = oneLine(criterion.source);
  const id =
    /^(?:\d{3}(?= |$)|C\d(?=\W|$)|[ABDE](?=\d{1,2}(?:\W|$))|client\/README\.md|drills(?= ))/.exec(
      source,
    )?.[0] ?? (source === '' ? 'other' : source);
  return { id, title: Object.hasOwn(TITLES, id) ? (TITLES[id] ?? id) : id };
}

/** Returns the names of the suites in a report, in the order of their first criteria. */
export function suitesOf(criteria: readonly Criterion[]): readonly string[] {
  return [...new Set(criteria.map((criterion) => sourceOf(criterion).title))];
}

/**
 * Returns the criteria to show in a list of tests: those that were judged, and those that were requested but could not
 * run. A criterion of another environment, topology, profile or kind of run is not a skipped test.
 */
export function testedCriteria({ verdict }: Report): readonly Criterion[] {
  return verdict.criteria.filter(
    ({ state, unsupported }) => state !== 'OUT_OF_SCOPE' || unsupported === true,
  );
}

/** Returns the trials by which the criteria were judged, without duplicates. */
function trialsBehind(report: Report, criteria: readonly Criterion[]): readonly TrialView[] {
  const drills = new Set(criteria.flatMap(workloadsOf));
  return report.trials.filter(({ drill }) => drills.has(drill));
}

/** Returns the elapsed time of the trials, in ms. Criteria of one drill share its trials. */
export function measuredMs(report: Report, criteria: readonly Criterion[]): number {
  return trialsBehind(report, criteria).reduce((sum, { durationMs }) => sum + durationMs, 0);
}
