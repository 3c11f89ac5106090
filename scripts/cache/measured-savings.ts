/**
 * Estimates the savings of a cache from measured figures: the servers' reads and hits, the duration of the loads that
 * produced the entries (in their headers), and the latency of a read.
 */

import { describeEnvelope, ENVELOPE_HEADER_MAX } from '../../client/envelope.ts';
import { estimateSavings, type Savings } from '../../client/extras/analytics/index.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import { pause } from '../../infra/host/wait.ts';
import { awaitPing } from '../../infra/redis/ping.ts';
import type { CacheData, DataMaster } from './cache-data.ts';
import { escapeGlob } from './clear-selection.ts';
import { askEach, sampleKeys } from './key-sample.ts';
import { factsOf, readInfo, type ServerFacts, totalOf } from './server-facts.ts';

export interface SavingsOptions {
  /** Time during which reads are counted, in s; undefined to count since the start of the servers. */
  readonly windowSeconds: number | undefined;
  /** Duration of a load, in ms, to use instead of the measured one. */
  readonly loadMs: number | undefined;
  readonly costPerCall: number | undefined;
  readonly signal: AbortSignal;
}

export interface MeasuredSavings extends Savings {
  readonly name: string;
  readonly namespace: string;
  readonly reads: number;
  readonly hits: number;
  readonly hitRatio: number;
  /** Time during which the reads were counted, in s. */
  readonly overSeconds: number;
  readonly queriesPerHour: number;
  /** Mean duration of a load, in ms. */
  readonly loadMs: number;
  /** Number of entries with a recorded duration; null if `--load-ms` was given. */
  readonly loadsMeasured: number | null;
  /** Median latency of a read from this machine, in ms. */
  readonly readMs: number;
  readonly savedMsPerHit: number;
}

/** Maximum number of entries whose header is read. */
const ENTRIES = 2_000;
const PINGS = 20;

/**
 * Measures the figures. @throws KitError `SAVINGS_UNKNOWN` if there were no reads, or if no entry records the duration
 * of its load
 */
export async function measureSavings(data: CacheData, options: SavingsOptions): Promise<MeasuredSavings> {
  const { hits, misses, overSeconds } = await countReads(data, options);
  const reads = hits + misses;
  if (reads === 0) {
    throw unknown(
      `no reads within ${Math.round(overSeconds)} s`,
      'run the command while the application reads, or pass a longer --window',
    );
  }
  const masters = await data.masters();
  const measured = options.loadMs === undefined ? await meanLoad(data, masters, options.signal) : undefined;
  const loadMs = options.loadMs ?? measured?.loadMs;
  if (loadMs === undefined) {
    throw unknown(
      `no entry of namespace ${data.settings.namespace} has a recorded load`,
      'getOrCompute records it with earlyRefresh, staleWhileRevalidateSeconds or graceSeconds; otherwise pass --load-ms',
    );
  }
  const readMs = await medianLatency(masters);
  const savedMsPerHit = Math.max(0, loadMs - readMs);
  const queriesPerHour = (reads / overSeconds) * 3600;
  const { costPerCall } = options;
  return {
    ...estimateSavings({
      queriesPerHour,
      hitRatio: hits / reads,
      savedMsPerHit,
      ...(costPerCall !== undefined && { costPerCall }),
    }),
    name: data.name,
    namespace: data.settings.namespace,
    reads,
    hits,
    hitRatio: hits / reads,
    overSeconds,
    queriesPerHour,
    loadMs,
    loadsMeasured: measured?.entries ?? null,
    readMs,
    savedMsPerHit,
  };
}

/** Sums the counters of all masters, since their start or during the window. */
async function countReads(
  data: CacheData,
  { windowSeconds, signal }: SavingsOptions,
): Promise<{ readonly hits: number; readonly misses: number; readonly overSeconds: number }> {
  const first = await factsOfAll(data);
  if (windowSeconds === undefined) {
    return {
      hits: first.hits ?? 0,
      misses: first.misses ?? 0,
      overSeconds: Math.max(1, first.uptimeSeconds ?? 1),
    };
  }
  const startedAt = performance.now();
  await pause(windowSeconds * 1000, signal);
  const last = await factsOfAll(data);
  return {
    hits: Math.max(0, (last.hits ?? 0) - (first.hits ?? 0)),
    misses: Math.max(0, (last.misses ?? 0) - (first.misses ?? 0)),
    overSeconds: (performance.now() - startedAt) / 1000,
  };
}

async function factsOfAll(data: CacheData): Promise<ServerFacts> {
  const masters = await data.masters();
  return totalOf(
    await Promise.all(masters.map(async ({ redis }) => factsOf(await readInfo(redis), data.db))),
  );
}

/** Returns the mean load duration over a sample of entries; undefined if no entry records it. */
async function meanLoad(
  data: CacheData,
  masters: readonly DataMaster[],
  signal: AbortSignal,
): Promise<{ readonly loadMs: number; readonly entries: number } | undefined> {
  const match = `${escapeGlob(`${data.settings.namespace}:`)}*`;
  const { keys } = await sampleKeys(masters, ENTRIES, { match, signal });
  const heads = await askEach(keys, (key) => ['GETRANGE', key, 0, ENVELOPE_HEADER_MAX - 1], signal);
  const durations = heads.flatMap((head) => {
    const loadMs = Buffer.isBuffer(head) ? (describeEnvelope(head)?.freshness?.loadMs ?? 0) : 0;
    return loadMs > 0 ? [loadMs] : [];
  });
  if (durations.length === 0) return undefined;
  return { loadMs: durations.reduce((sum, ms) => sum + ms, 0) / durations.length, entries: durations.length };
}

async function medianLatency(masters: readonly DataMaster[]): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i += 1) {
    const startedAt = performance.now();
    const master = masters[i % masters.length];
    if (master !== undefined) await awaitPing(master.redis);
    times.push(performance.now() - startedAt);
  }
  return times.sort((a, b) => a - b)[PINGS / 2] ?? 0;
}

function unknown(message: string, hint: string): KitError {
  return new KitError(`the savings are unknown: ${message}`, {
    code: 'SAVINGS_UNKNOWN',
    exitCode: EXIT.UNKNOWN,
    hint,
  });
}
