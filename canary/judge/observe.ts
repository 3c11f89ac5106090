/**
 * Applies one look to the state: the increments of the counts since the last look advance the e-processes. Pure.
 *
 * The counts are cumulative, but may be lower than at the last look while Redis recovers from a failover. An increment
 * is never negative: requests that are missing in one look are counted in a later look. Counts that stay lower are
 * lost, because the key of an exited process expired or was evicted. Increments are then counted from the lower values;
 * otherwise the judge would ignore all requests until the counts exceed the previous values.
 */
import { advance } from './e-process.ts';
import { countAbove, type Histogram, quantileBucket, sumOf } from './latency.ts';
import { shareOf } from './state.ts';
import type { ArmCounts, ArmUsers, JudgeState, LookEvent, Rules } from './types.ts';

/** Minimum number of control requests that are needed to derive a threshold. */
const LEAST_PAST = 500;
/** Number of past requests above which the past counts are halved, so that the threshold follows a changing load. */
const MOST_PAST = 100_000;
const PERCENTILE = 0.95;
/**
 * Maximum number of looks with lower counts before the missing requests count as lost. By default, these looks span one
 * minute, which is longer than a failover and the flush after it.
 */
const MOST_LOW_LOOKS = 12;

export function observe(rules: Rules, last: JudgeState, look: LookEvent): JudgeState {
  const lowLooks = isBelow(look, last) ? last.lowLooks + 1 : 0;
  const before = lowLooks > MOST_LOW_LOOKS ? rebased(last, look) : { ...last, lowLooks };
  const arms = {
    canary: atLeast(look.arms.canary, before.arms.canary),
    control: atLeast(look.arms.control, before.arms.control),
  };
  const users = {
    canary: mostUsers(look.users.canary, before.users.canary),
    control: mostUsers(look.users.control, before.users.control),
  };
  const now = { arms, users };
  const slow = newSlow(before, now);
  const at = look.atMs;
  return {
    ...before,
    generationStartedAtMs: before.generationStartedAtMs ?? at,
    windowStartedAtMs: before.windowStartedAtMs ?? at,
    lastLookAtMs: at,
    arms,
    users,
    pastControl: remembered(
      before.pastControl,
      difference(arms.control.latency, before.arms.control.latency),
    ),
    slow: {
      canary: before.slow.canary + slow.canary,
      control: before.slow.control + slow.control,
      canaryN: before.slow.canaryN + slow.canaryN,
      controlN: before.slow.controlN + slow.controlN,
    },
    evidence: advanced(rules, before, now, { slow, atMs: at }),
    redis: look.redis,
  };
}

type Counts = Pick<JudgeState, 'arms' | 'users'>;

function isBelow(now: Counts, before: Counts): boolean {
  return (['canary', 'control'] as const).some(
    (arm) =>
      now.arms[arm].requests < before.arms[arm].requests ||
      now.arms[arm].failures < before.arms[arm].failures ||
      now.users[arm].seen < before.users[arm].seen ||
      now.users[arm].affected < before.users[arm].affected,
  );
}

/** Returns the state with the counts of this look as the new base, so that the increments are 0. */
function rebased(state: JudgeState, { arms, users }: LookEvent): JudgeState {
  const failures = arms.canary.failures + arms.control.failures;
  const failuresBeforeWindow = Math.min(state.failuresBeforeWindow, failures);
  return { ...state, lowLooks: 0, arms, users, failuresBeforeWindow };
}

/**
 * Counts the requests since the last look: all requests, and the requests slower than the control's past p95. Both
 * counts are 0 without a threshold.
 */
function newSlow(before: JudgeState, now: Counts): JudgeState['slow'] {
  const threshold = slowBucket(before.pastControl);
  if (threshold === undefined) return { canary: 0, control: 0, canaryN: 0, controlN: 0 };
  const canary = difference(now.arms.canary.latency, before.arms.canary.latency);
  const control = difference(now.arms.control.latency, before.arms.control.latency);
  return {
    canary: countAbove(canary, threshold),
    control: countAbove(control, threshold),
    canaryN: sumOf(canary),
    controlN: sumOf(control),
  };
}

function advanced(
  rules: Rules,
  before: JudgeState,
  now: Counts,
  { slow, atMs }: { readonly slow: JudgeState['slow']; readonly atMs: number },
): JudgeState['evidence'] {
  const restartMs = rules.judge.restartMinutes * 60_000;
  const splitOf = (share: number, count: (counts: Counts, arm: 'canary' | 'control') => number) => {
    const added = (arm: 'canary' | 'control') => count(now, arm) - count(before, arm);
    return { canary: added('canary'), total: added('canary') + added('control'), share };
  };
  const requests = splitOf(0, ({ arms }, arm) => arms[arm].requests);
  // Users send requests at their own rate, which does not depend on the stage.
  const observed = requests.total === 0 ? 0 : requests.canary / requests.total;
  const { evidence } = before;
  return {
    requests: advance(
      evidence.requests,
      splitOf(observed, ({ arms }, arm) => arms[arm].failures),
      atMs,
      restartMs,
    ),
    // A user is in the canary with the probability that the stage sets, regardless of the number of requests.
    users: advance(
      evidence.users,
      splitOf(shareOf(rules, before), ({ users }, arm) => users[arm].affected),
      atMs,
      restartMs,
    ),
    slow: advance(
      evidence.slow,
      { canary: slow.canary, total: slow.canary + slow.control, share: observed },
      atMs,
      restartMs,
    ),
  };
}

/**
 * Returns the bucket above which a request is slow: the bucket of the control's past p95. Undefined until there are
 * enough requests.
 */
export function slowBucket(pastControl: Histogram): number | undefined {
  return sumOf(pastControl) < LEAST_PAST ? undefined : quantileBucket(pastControl, PERCENTILE);
}

function remembered(past: Histogram, added: Histogram): Histogram {
  const sum = combine(past, added, (a, b) => a + b);
  return sumOf(sum) > MOST_PAST ? sum.map((count) => Math.floor(count / 2)) : sum;
}

function difference(now: Histogram, before: Histogram): Histogram {
  return combine(now, before, (a, b) => a - b);
}

function combine(a: Histogram, b: Histogram, of: (a: number, b: number) => number): Histogram {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => of(a[i] ?? 0, b[i] ?? 0));
}

function atLeast(now: ArmCounts, before: ArmCounts): ArmCounts {
  return {
    requests: Math.max(now.requests, before.requests),
    failures: Math.max(now.failures, before.failures),
    hits: Math.max(now.hits, before.hits),
    misses: Math.max(now.misses, before.misses),
    latency: combine(now.latency, before.latency, Math.max),
  };
}

function mostUsers(now: ArmUsers, before: ArmUsers): ArmUsers {
  return { seen: Math.max(now.seen, before.seen), affected: Math.max(now.affected, before.affected) };
}
