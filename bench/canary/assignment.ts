/**
 * Measures the cost of a request, and whether the assignment of one million ids is uniform over 1000 bins and monotonic
 * across the stages.
 */
import { hash } from 'node:crypto';
import { armOfHash, hashOf } from '../../canary/assignment/assignment.ts';
import { murmur3 } from '../../canary/assignment/murmur3.ts';
import { GenerationCounts } from '../../canary/metrics/generation.ts';
import { canaryKeys } from '../../canary/metrics/keys.ts';

const IDS = 1_000_000;
const BINS = 1000;
/** 99.9 % quantile of chi-squared with 999 degrees of freedom. */
export const CHI_SQUARED_MAX = 1143;

export interface AssignmentFigures {
  readonly ids: number;
  readonly chiSquared: number;
  /** Number of ids that leave the canary when the share grows. */
  readonly leaving: number;
  /** Share of the ids that are in the canary, keyed by stage (in percent). */
  readonly shares: Readonly<Record<number, number>>;
}

export function measureAssignment(flag: string, stages: readonly number[]): AssignmentFigures {
  const bins = new Array<number>(BINS).fill(0);
  const inCanary = new Array<number>(stages.length).fill(0);
  let leaving = 0;
  for (let i = 0; i < IDS; i++) {
    const bucket = hashOf(flag, `user-${i}`);
    const bin = Math.floor((bucket / 2 ** 32) * BINS);
    bins[bin] = (bins[bin] ?? 0) + 1;
    let wasIn = false;
    for (const [stage, share] of stages.entries()) {
      const isIn = armOfHash(bucket, share / 100) === 'canary';
      if (isIn) inCanary[stage] = (inCanary[stage] ?? 0) + 1;
      if (wasIn && !isIn) leaving += 1;
      wasIn = isIn;
    }
  }
  const expected = IDS / BINS;
  return {
    ids: IDS,
    chiSquared: bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0),
    leaving,
    shares: Object.fromEntries(stages.map((share, stage) => [share, (inCanary[stage] ?? 0) / IDS])),
  };
}

export interface Cost {
  /** CPU time of one assignment with its record, in µs. */
  readonly cpuUs: number;
  /** CPU time to hash one id, in µs, with the kit's murmur3 and with SHA-256 of `node:crypto`. */
  readonly murmur3Us: number;
  readonly sha256Us: number;
  /**
   * Commands per request in the smallest flush that the settings allow, with only new users. Includes reading the
   * share.
   */
  readonly commandsPerRequest: number;
}

const REQUESTS = 1_000_000;
const HASHES = 300_000;
const USERS = 50_000;

/** Measures the CPU time per call in µs, after warming up with a fifth as many calls. */
function cpuUsOf(calls: number, call: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < calls / 5; i++) sum += call(i);
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i++) sum += call(i);
  const { user, system } = process.cpuUsage(before);
  // The sum prevents the calls from being optimized away.
  return Number.isFinite(sum) ? (user + system) / calls : 0;
}

export async function measureCost(
  flag: string,
  { maxUsers, minBatch }: { readonly maxUsers: number; readonly minBatch: number },
): Promise<Cost> {
  const counts = () =>
    new GenerationCounts(
      canaryKeys('bench', flag),
      { generation: 1, window: 1 },
      { processId: 'bench', maxUsers },
    );
  const users = Array.from({ length: USERS }, (_, i) => `user-${i}`);
  const request = (into: GenerationCounts, i: number) => {
    const bucket = hashOf(flag, users[i % USERS] ?? '');
    into.record(armOfHash(bucket, 0.1), bucket, { ok: i % 100 !== 0, ms: 12, lookup: 'hit' });
  };
  const timed = counts();
  const cpuUs = cpuUsOf(REQUESTS, (i) => {
    request(timed, i);
    return i;
  });
  const keys = users.map((user) => `${flag}:${user}`);
  const keyOf = (i: number) => keys[i % USERS] ?? '';
  let commands = 0;
  const flushed = counts();
  const flushes = Math.floor(maxUsers / minBatch);
  for (let flush = 0; flush < flushes; flush++) {
    for (let i = 0; i < minBatch; i++) request(flushed, flush * minBatch + i);
    // Simulates the replies of a server that has lost no acknowledged flush. The share is read in the same batch.
    commands += 1 + (await flushed.flush(async (name) => (name === 'HGET' ? String(flush) : '0')));
  }
  return {
    cpuUs,
    murmur3Us: cpuUsOf(HASHES, (i) => murmur3(keyOf(i))),
    sha256Us: cpuUsOf(HASHES, (i) => Number.parseInt(hash('sha256', keyOf(i)).slice(0, 8), 16)),
    commandsPerRequest: commands / (flushes * minBatch),
  };
}
