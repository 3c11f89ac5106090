/**
 * Counts the distinct keys that are accessed within a period, and extrapolates the number to a longer period. Pure.
 *
 * The idle times of the keys give the curve: W(t) keys were accessed within the last t seconds. A cache holds W(TTL)
 * keys at its peak. If the cache has run for less than its TTL, or evicts keys earlier, the curve is known only up to a
 * time U.
 *
 * The curve is extrapolated over at most one doubling of the time. Let b be the logarithm to base 2 of its growth over
 * one doubling: `1 - b` is 0 while every access is to a new key, and 1 once no access is. From one doubling to the
 * next, `1 - b` grows by a factor of 1 to 2, which follows from the last two observed doublings. Over more than one
 * doubling, an error of a second in the idle times changes the result by tens of per cent
 * (docs/decisions/069-sizing.md), so the number of keys is then unknown.
 */

/** Maximum number of doublings of the observed time over which the curve is extrapolated. */
export const DOUBLINGS_MAX = 1;

export interface IdleKey {
  /** Time since the last access, in whole seconds, as Redis reports it. */
  readonly idleSeconds: number;
  /** Number of keys that this one represents. */
  readonly weight: number;
}

export interface KeyGrowth {
  /** Time, in s, over which the curve was observed. */
  readonly observedSeconds: number;
  /** Number of keys accessed within a quarter, a half and all of the observed time. */
  readonly observed: readonly [quarter: number, half: number, whole: number];
  /** Number of keys that are accessed within the requested time. */
  readonly keys: number;
  /**
   * Whether `keys` is an estimate. If false, the observed time is too short for the requested time, and `keys` is a
   * lower bound.
   */
  readonly known: boolean;
}

/**
 * @param observedSeconds period, in s, for which the idle times are complete: at most the uptime of the cache, and at
 * most the idle time at which keys are evicted
 * @param wantedSeconds the TTL
 */
export function keysWithin(
  keys: readonly IdleKey[],
  observedSeconds: number,
  wantedSeconds: number,
): KeyGrowth {
  const count = (seconds: number) => countWithin(keys, seconds);
  const observed = [count(observedSeconds / 4), count(observedSeconds / 2), count(observedSeconds)] as const;
  const doublings = Math.log2(wantedSeconds / observedSeconds);
  const common = { observedSeconds, observed };
  if (doublings <= 0) return { ...common, keys: count(wantedSeconds), known: true };
  const known = doublings <= DOUBLINGS_MAX && observed[0] > 0;
  return { ...common, keys: known ? continued(observed, doublings) : observed[2], known };
}

function continued([quarter, half, whole]: KeyGrowth['observed'], doublings: number): number {
  const missing = (from: number, to: number) => Math.max(0, 1 - Math.log2(to / from));
  const [before, last] = [missing(quarter, half), missing(half, whole)];
  const factor = before > 0 ? Math.min(2, Math.max(1, last / before)) : 1;
  return whole * 2 ** ((1 - Math.min(1, last * factor)) * doublings);
}

/**
 * Redis subtracts two clock readings in whole seconds, so a reported idle time of k s is between k - 1 and k + 1 s, and
 * k on average. The actual idle time is assumed to be uniform over the second around k.
 */
function countWithin(keys: readonly IdleKey[], seconds: number): number {
  return keys.reduce((sum, { idleSeconds, weight }) => {
    const [from, to] = [Math.max(0, idleSeconds - 0.5), idleSeconds + 0.5];
    const part = (seconds - from) / (to - from);
    return sum + weight * Math.min(1, Math.max(0, part));
  }, 0);
}
