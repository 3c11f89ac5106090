/**
 * Traffic of two arms, drawn per look instead of per request: 200 requests/s for 30 minutes are 360 draws. The draws
 * are seeded.
 *
 *   users ─▶ errors (independent, or in clumps of one user) ─▶ counts, distinct affected users, latency histograms
 */
import type { ArmCounts, ArmUsers, LookEvent } from '../../canary/judge/types.ts';
import { BUCKETS_MS } from '../../harness/statistics/histogram.ts';
import type { Random } from '../../harness/workloads/random.ts';

export interface Traffic {
  readonly requestsPerSecond: number;
  readonly lookSeconds: number;
  readonly looks: number;
  /** Share of the users in the canary. */
  readonly share: number;
  readonly users: number;
  readonly errorRatio: number;
  /** Increase in the error ratio of the canary. */
  readonly harm: number;
  /**
   * Mean number of errors per affected user. With 1, errors are independent; with more, a user who fails keeps failing
   * (geometric).
   */
  readonly clump: number;
  /** Number of users in both arms for whom every second request fails during the whole run. */
  readonly brokenUsers: number;
  /** Factor by which the latencies of the canary are multiplied. */
  readonly slowdown: number;
}

export const BASE: Traffic = {
  requestsPerSecond: 200,
  lookSeconds: 5,
  looks: 360,
  share: 0.1,
  users: 20_000,
  errorRatio: 0.005,
  harm: 0,
  clump: 1,
  brokenUsers: 0,
  slowdown: 1,
};

/** Latencies are log-normal, with a median of 20 ms and a p95 of 45 ms. */
const MEDIAN_MS = 20;
const SIGMA = 0.5;
/**
 * Minimum probability of a latency bucket. Buckets with a smaller probability are never drawn: they would get fewer
 * than one request in a thousand runs.
 */
const LEAST_SHARE = 1e-9;

interface Arm {
  readonly share: number;
  readonly errorRatio: number;
  /** Probability of each latency bucket. */
  readonly buckets: readonly number[];
  readonly brokenUsers: number;
  requests: number;
  failures: number;
  latency: number[];
  affected: number;
  /**
   * Number of additional errors that affected users have not yet encountered. At each look, each of these errors occurs
   * with probability 0.3.
   */
  pending: number;
  brokenSeen: Set<number>;
}

/** Simulates one rollout and yields its looks. */
export function* looksOf(traffic: Traffic, random: Random): Generator<LookEvent> {
  // Users are assigned by hash, so a broken user is in the canary with a probability equal to the share.
  const brokenInCanary = binomial(random, traffic.brokenUsers, traffic.share);
  const canary = newArm(traffic, traffic.share, traffic.harm, traffic.slowdown, brokenInCanary);
  const control = newArm(traffic, 1 - traffic.share, 0, 1, traffic.brokenUsers - brokenInCanary);
  for (let look = 1; look <= traffic.looks; look++) {
    for (const arm of [canary, control]) drawLook(arm, traffic, random);
    yield {
      type: 'look',
      atMs: look * traffic.lookSeconds * 1000,
      generation: 1,
      window: 1,
      arms: { canary: countsOf(canary), control: countsOf(control) },
      users: { canary: usersOf(canary), control: usersOf(control) },
      redis: { memoryRatio: null, evictedKeys: null, rejectedConnections: null, pingMs: null },
      processes: 1,
    };
  }
}

function newArm(traffic: Traffic, share: number, harm: number, slowdown: number, broken: number): Arm {
  return {
    share,
    errorRatio: traffic.errorRatio + harm,
    buckets: bucketShares(slowdown),
    brokenUsers: broken,
    requests: 0,
    failures: 0,
    latency: BUCKETS_MS.map(() => 0),
    affected: 0,
    pending: 0,
    brokenSeen: new Set(),
  };
}

function drawLook(arm: Arm, traffic: Traffic, random: Random): void {
  const requests = poisson(random, traffic.requestsPerSecond * traffic.lookSeconds * arm.share);
  arm.requests += requests;
  arm.failures += drawErrors(arm, requests, traffic, random);
  let rest = requests;
  let above = 1;
  for (const [bucket, share] of arm.buckets.entries()) {
    if (rest === 0) break;
    const drawn = binomial(random, rest, Math.min(1, share / above));
    arm.latency[bucket] = (arm.latency[bucket] ?? 0) + drawn;
    rest -= drawn;
    above -= share;
  }
}

function drawErrors(arm: Arm, requests: number, traffic: Traffic, random: Random): number {
  const population = traffic.users * arm.share;
  const starts = binomial(random, requests, arm.errorRatio / traffic.clump);
  let errors = starts;
  for (let i = 0; i < starts; i++) {
    // A user who had an error before is not newly affected.
    if (random.next() >= arm.affected / population) arm.affected += 1;
    let more = 0;
    while (traffic.clump > 1 && random.next() > 1 / traffic.clump) more += 1;
    arm.pending += more;
  }
  const due = binomial(random, arm.pending, 0.3);
  arm.pending -= due;
  errors += due;
  const perUser = requests / population;
  for (let user = 0; user < arm.brokenUsers; user++) {
    const failed = poisson(random, perUser / 2);
    errors += failed;
    if (failed > 0 && !arm.brokenSeen.has(user)) {
      arm.brokenSeen.add(user);
      arm.affected += 1;
    }
  }
  return Math.min(requests, errors);
}

function countsOf({ requests, failures, latency }: Arm): ArmCounts {
  return {
    requests,
    failures,
    hits: Math.round(requests * 0.8),
    misses: requests - Math.round(requests * 0.8),
    latency: [...latency],
  };
}

function usersOf({ affected }: Arm): ArmUsers {
  return { seen: 0, affected };
}

function bucketShares(slowdown: number): readonly number[] {
  const below = (ms: number) => normalBelow((Math.log(ms) - Math.log(MEDIAN_MS * slowdown)) / SIGMA);
  return BUCKETS_MS.map((bound, i) => {
    const share = below(bound) - (i === 0 ? 0 : below(BUCKETS_MS[i - 1] ?? 0));
    return share < LEAST_SHARE ? 0 : share;
  });
}

/** Returns the standard normal distribution function at z (Abramowitz and Stegun 7.1.26, error below 1.5e-7). */
function normalBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const sum =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (sum * Math.exp(-x * x)) / 2;
  return z < 0 ? tail : 1 - tail;
}

/**
 * Draws from a Poisson distribution: exact for small means, normal above 60, where the difference is below one percent
 * of a standard deviation.
 */
function poisson(random: Random, mean: number): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
  let events = -1;
  for (let left = mean; left >= 0; events++) left -= random.exponential(1);
  return events;
}

function binomial(random: Random, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  if (n * p > 60) {
    const drawn = Math.round(n * p + Math.sqrt(n * p * (1 - p)) * random.normal());
    return Math.min(n, Math.max(0, drawn));
  }
  // Gaps between successes are geometric, so this is exact, and takes few steps if p is small.
  let successes = -1;
  for (let at = 0; at <= n; successes++) at += Math.floor(Math.log(1 - random.next()) / Math.log1p(-p)) + 1;
  return successes;
}
