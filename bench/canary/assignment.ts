/** One million ids: uniform over 1000 bins, monotone over the stages; and the cost of a request. */
import { armOfHash, hashOf } from '../../canary/assignment/assignment.ts';
import { GenerationCounts } from '../../canary/metrics/generation.ts';
import { canaryKeys } from '../../canary/metrics/keys.ts';

const IDS = 1_000_000;
const BINS = 1000;
/** 99.9 % quantile of chi-squared with 999 degrees of freedom. */
export const CHI_SQUARED_MAX = 1143;

export interface AssignmentFigures {
  readonly ids: number;
  readonly chiSquared: number;
  /** Ids that leave the canary when the share grows. */
  readonly leaving: number;
  /** Share of the ids in the canary, by stage in percent. */
  readonly shares: Readonly<Record<number, number>>;
}

export function measureAssignment(flag: string, stages: readonly number[]): AssignmentFigures {
  const bins = new Array<number>(BINS).fill(0);
  const inCanary = new Array<number>(stages.length).fill(0);
  let leaving = 0;
  for (let i = 0; i < IDS; i++) {
    const hash = hashOf(flag, `user-${i}`);
    const bin = Math.floor((hash / 2 ** 32) * BINS);
    bins[bin] = (bins[bin] ?? 0) + 1;
    let wasIn = false;
    for (const [stage, share] of stages.entries()) {
      const isIn = armOfHash(hash, share / 100) === 'canary';
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
  /** CPU time of an assignment and its record, in µs. */
  readonly cpuUs: number;
  /** At 100 requests per flush. */
  readonly commandsPerRequest: number;
}

const REQUESTS = 1_000_000;
const PER_FLUSH = 100;
const USERS = 50_000;

export async function measureCost(flag: string, maxUsers: number): Promise<Cost> {
  const counts = () =>
    new GenerationCounts(
      canaryKeys('bench', flag),
      { generation: 1, window: 1 },
      { processId: 'bench', maxUsers },
    );
  const users = Array.from({ length: USERS }, (_, i) => `user-${i}`);
  const request = (into: GenerationCounts, i: number) => {
    const hash = hashOf(flag, users[i % USERS] ?? '');
    into.record(armOfHash(hash, 0.1), hash, { ok: i % 100 !== 0, ms: 12, lookup: 'hit' });
  };
  const timed = counts();
  for (let i = 0; i < REQUESTS / 5; i++) request(timed, i);
  const before = process.cpuUsage();
  for (let i = 0; i < REQUESTS; i++) request(timed, i);
  const { user, system } = process.cpuUsage(before);
  let commands = 0;
  const flushed = counts();
  for (let i = 0; i < REQUESTS / 50; i++) {
    request(flushed, i);
    if (i % PER_FLUSH === PER_FLUSH - 1) {
      // A server that has every acknowledged flush.
      const last = String(Math.floor(i / PER_FLUSH));
      commands += await flushed.flush(async (name) => (name === 'HGET' ? last : '0'));
    }
  }
  return { cpuUs: (user + system) / REQUESTS, commandsPerRequest: commands / (REQUESTS / 50) };
}
