/** Counts of one arm in one process, and their fields in Redis: `c.requests`, `c.l12` (latency bucket 12). */
import { BUCKETS_MS, bucketOf } from '../../harness/statistics/histogram.ts';
import type { Arm } from '../assignment/assignment.ts';
import type { ArmCounts } from '../judge/types.ts';

export interface Outcome {
  /** Whether the request succeeded for the user. */
  readonly ok: boolean;
  /** Duration in ms; a negative value (after the clock was set back) counts as 0. */
  readonly ms: number;
  /** Result of the cache lookup; absent if the request made no lookup. */
  readonly lookup?: 'hit' | 'miss';
}

const PREFIX: Readonly<Record<Arm, string>> = { canary: 'c', control: 'b' };
const COUNTERS = ['requests', 'failures', 'hits', 'misses'] as const;

export class ArmCounter {
  requests = 0;
  failures = 0;
  hits = 0;
  misses = 0;
  readonly latency = new Uint32Array(BUCKETS_MS.length);

  add({ ok, ms, lookup }: Outcome): void {
    this.requests += 1;
    if (!ok) this.failures += 1;
    if (lookup === 'hit') this.hits += 1;
    else if (lookup === 'miss') this.misses += 1;
    const bucket = bucketOf(ms);
    this.latency[bucket] = (this.latency[bucket] ?? 0) + 1;
  }

  /** Returns the nonzero fields with their values, as arguments for HSET. */
  fields(arm: Arm): (string | number)[] {
    const prefix = PREFIX[arm];
    const fields: (string | number)[] = [];
    for (const name of COUNTERS) if (this[name] > 0) fields.push(`${prefix}.${name}`, this[name]);
    this.latency.forEach((count, bucket) => {
      if (count > 0) fields.push(`${prefix}.l${bucket}`, count);
    });
    return fields;
  }
}

/** Adds up the counts of one arm over the hashes of all processes. */
export function countsOf(arm: Arm, hashes: readonly Readonly<Record<string, string>>[]): ArmCounts {
  const sum = (field: string) =>
    hashes.reduce((total, hash) => total + Number(hash[`${PREFIX[arm]}.${field}`] ?? 0), 0);
  const latency = BUCKETS_MS.map((_, bucket) => sum(`l${bucket}`));
  return {
    requests: sum('requests'),
    failures: sum('failures'),
    hits: sum('hits'),
    misses: sum('misses'),
    latency: latency.slice(0, latency.findLastIndex((count) => count > 0) + 1),
  };
}
