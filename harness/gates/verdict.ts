/**
 * Criteria → decision, exit code, and one of the three actions of requirements document 004 (§8).
 *
 * Decision. If any criterion is FAIL: NO_GO, exit 1. Otherwise, if any criterion in scope is neither PASS nor WAIVED by
 * an unexpired waiver, or if complete evidence is the only criterion: UNKNOWN, exit 3. Otherwise: GO if every criterion
 * passes, CONDITIONAL_GO if some are waived; exit 0 for both, because an owner has accepted the waived criteria until a
 * date.
 *
 * Action, by the states of the criteria in scope (a waived criterion counts as passed):
 *
 * | correctness, configuration, process | performance | action | in the words of the document |
 * |---|---|---|---|
 * | at least one, all pass | at least one, all pass | `enable` | enhancements complete + tests green + load test stable |
 * | at least one, all pass | some FAIL, the others measured | `deploy-with-breaker` | frequent transient errors |
 * | anything else | | `keep-disabled` | partial implementation; rely on the memory cache |
 *
 * "Frequent transient errors" is thus exactly: errors, availability, latency or hit ratio miss their targets (the
 * `performance` group, with the error threshold in `transient-errors` of gates.yaml) while nothing was lost,
 * duplicated, stale or insecure. An unmeasured criterion never enables anything, and neither does a run of a kind other
 * than `readiness`, or one without gates on correctness or on performance: it has a decision on its criteria, but no
 * action.
 */
import type { Gate } from '../../config/gates.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { Manifest, RunKind } from '../evidence/manifest.ts';
import { EVIDENCE_COMPLETE } from './completeness.ts';
import type { Action, Criterion, CriterionState, Verdict } from './gate.ts';

export type Group = Gate['group'];

/** Threshold of a breaker that opens early, so that it returns the fallback before the callers' own timeouts expire. */
const EARLY_THRESHOLD = 3;
/** Divisor for the TTL, so that entries that an interrupted invalidation leaves behind live only a quarter as long. */
const TTL_DIVISOR = 4;
/** Minimum TTL, in s: with a shorter one, a cache costs more in misses than it saves. */
const SHORTEST_TTL_SECONDS = 30;

const DECISIONS = {
  GO: 0,
  CONDITIONAL_GO: 0,
  NO_GO: 1,
  UNKNOWN: 3,
} as const satisfies Record<Verdict['decision'], Verdict['exitCode']>;

/**
 * @param groups group of each gate, by id; a criterion without a group (the evidence itself) counts as `process`
 * @param environment undefined if the configuration is missing from the evidence
 * @param run only `readiness` covers enough to enable Redis, and only in the environment and profile that it ran in
 */
export function verdictOf(
  criteria: readonly Criterion[],
  groups: ReadonlyMap<string, Group>,
  environment: EnvironmentConfig | undefined,
  run: { readonly kind: RunKind; readonly profile: Manifest['profile'] },
): Verdict {
  const inScope = criteria.filter(({ state }) => state !== 'OUT_OF_SCOPE');
  // Complete evidence is a condition for every verdict, but not a verdict in itself.
  const isAsked = inScope.some(({ id }) => id !== EVIDENCE_COMPLETE);
  const decision = decisionOf(inScope, isAsked);
  const action = run.kind === 'readiness' ? actionOf(inScope, groups) : null;
  const advice =
    action === null ? withoutAction(run.kind, decision) : ADVICE[action](environment, run.profile);
  return {
    decision,
    exitCode: DECISIONS[decision],
    action,
    advice: isAsked ? [...conditionsOf(decision, inScope), ...advice] : [NOTHING_ASKED, ...advice],
    counts: countsOf(criteria),
    criteria,
  };
}

function decisionOf(inScope: readonly Criterion[], isAsked: boolean): Verdict['decision'] {
  if (inScope.some(({ state }) => state === 'FAIL')) return 'NO_GO';
  if (!isAsked || !inScope.every(isPassed)) return 'UNKNOWN';
  return inScope.some(({ state }) => state === 'WAIVED') ? 'CONDITIONAL_GO' : 'GO';
}

/** Describes the waivers on which a conditional go depends. */
function conditionsOf(decision: Verdict['decision'], inScope: readonly Criterion[]): readonly string[] {
  if (decision !== 'CONDITIONAL_GO') return [];
  return inScope.flatMap(({ id, state, waiver }) =>
    state === 'WAIVED' && waiver !== undefined
      ? [`Condition: ${id} is waived by ${waiver.owner} until ${waiver.expires}: ${waiver.reason}`]
      : [],
  );
}

function withoutAction(kind: RunKind, decision: Verdict['decision']): readonly string[] {
  return kind === 'readiness' ? [NOT_READINESS] : ASKED[decision];
}

const NOT_READINESS =
  'All criteria in scope pass, but none covers correctness, or none covers performance: Redis is not enabled.';

const NOTHING_ASKED =
  'No gate applies to this run: see the reason given for each criterion that is out of scope.';

function isPassed({ state }: Criterion): boolean {
  return state === 'PASS' || state === 'WAIVED';
}

/** Returns the action; null if all criteria in scope pass, but some criteria that readiness requires are missing. */
function actionOf(inScope: readonly Criterion[], groups: ReadonlyMap<string, Group>): Action | null {
  const ofGroup = (group: Group) => inScope.filter(({ id }) => groups.get(id) === group);
  const performance = ofGroup('performance');
  const others = inScope.filter((criterion) => !performance.includes(criterion));
  const isCorrectnessAsked = ofGroup('correctness').length > 0;
  const isAnythingAsked = inScope.some(({ id }) => id !== EVIDENCE_COMPLETE);
  if (!isAnythingAsked || !others.every(isPassed)) return 'keep-disabled';
  if (performance.every(isPassed)) return isCorrectnessAsked && performance.length > 0 ? 'enable' : null;
  const isMeasured = performance.every((criterion) => isPassed(criterion) || criterion.state === 'FAIL');
  return isMeasured && isCorrectnessAsked ? 'deploy-with-breaker' : 'keep-disabled';
}

type Advise = (environment: EnvironmentConfig | undefined, profile: Manifest['profile']) => readonly string[];

/** Environment to which some gates are restricted (`scope.environments` in gates.yaml). */
const PRODUCTION = 'production';

const ADVICE: Readonly<Record<Action, Advise>> = {
  enable: (environment, profile) =>
    environment?.name === PRODUCTION && profile === 'full'
      ? ['Enable Redis in production: ENABLE_REDIS_CACHE=true.']
      : [
          'Enable Redis: ENABLE_REDIS_CACHE=true.',
          `Judged in ${environment?.name} with profile ${profile}. Before production, run kit readiness --env ${PRODUCTION} --profile full.`,
        ],
  'keep-disabled': () => [
    'Keep Redis disabled and rely on the memory cache: ENABLE_REDIS_CACHE=false.',
    'Fix the criteria that do not pass, in the order of the report, and run again.',
  ],
  'deploy-with-breaker': (environment) => [
    'Deploy with the circuit breaker and a shorter TTL; correctness passes, performance does not.',
    ...breakerSettings(environment),
  ],
};

/** Advice for a run that requested less than readiness. */
const ASKED: Readonly<Record<Verdict['decision'], readonly string[]>> = {
  GO: ['The requested criteria pass; kit readiness decides whether to enable Redis.'],
  CONDITIONAL_GO: [
    'The requested criteria pass or are waived; kit readiness decides whether to enable Redis.',
  ],
  NO_GO: ['A requested criterion fails; kit readiness decides whether to enable Redis.'],
  UNKNOWN: ['Some requested criteria were not judged; kit readiness decides whether to enable Redis.'],
};

function breakerSettings(environment: EnvironmentConfig | undefined): readonly string[] {
  if (environment === undefined) return [];
  const { breaker, defaultTtlSeconds } = environment.client;
  const ttl = Math.min(
    defaultTtlSeconds,
    Math.max(SHORTEST_TTL_SECONDS, Math.floor(defaultTtlSeconds / TTL_DIVISOR)),
  );
  return [
    'ENABLE_REDIS_CACHE=true',
    'CIRCUIT_BREAKER_ENABLED=true',
    `CIRCUIT_BREAKER_THRESHOLD=${Math.min(breaker.threshold, EARLY_THRESHOLD)}`,
    `CIRCUIT_BREAKER_TIMEOUT=${Math.ceil(breaker.openMs / 1000)}`,
    `CACHE_DEFAULT_TTL=${ttl}`,
  ];
}

function countsOf(criteria: readonly Criterion[]): Readonly<Record<CriterionState, number>> {
  const counts: Record<CriterionState, number> = {
    PASS: 0,
    FAIL: 0,
    INSUFFICIENT: 0,
    INVALID: 0,
    NOT_MEASURED: 0,
    WAIVED: 0,
    OUT_OF_SCOPE: 0,
  };
  for (const { state } of criteria) counts[state]++;
  return counts;
}
