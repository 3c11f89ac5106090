/**
 * Memory that the observed use requires if every entry is kept until its TTL expires. Pure.
 *
 *   need = fixed + sum over groups (keys at the peak x bytes per key) x overhead + hash tables
 *
 * `overhead` is measured: the memory of all keys as the server counts it, over the sum of MEMORY USAGE. The hash tables
 * double at powers of two, so they are computed for the keys at the peak.
 *
 * Internal client keys, such as tag versions, grow in proportion to the entries. Their TTL (30 days for the version of
 * a tag) is not the TTL of the entries: it affects neither the number of entries nor the time until that number is
 * known.
 */
import { DOUBLINGS_MAX, type IdleKey, type KeyGrowth, keysWithin } from './key-growth.ts';
import type { Observation, ObservedGroup, ObservedMaster } from './observation.ts';

export interface GroupNeed {
  readonly namespace: string;
  readonly domain: string;
  /** Whether the keys are internal client keys. */
  readonly internal: boolean;
  readonly ttlSeconds: number | null;
  readonly keysNow: number;
  readonly keysAtPeak: number;
  readonly bytesPerKey: number;
  readonly growth: KeyGrowth | null;
  /**
   * Whether the number of keys at the peak is known. If false, it is a lower bound, because the cache was observed for
   * too short a time.
   */
  readonly known: boolean;
}

export interface MemoryNeed {
  readonly groups: readonly GroupNeed[];
  /** Memory that the fullest master needs, in bytes. */
  readonly bytesPerMaster: number;
  /** Highest memory use so far, in bytes, a lower bound for the need; 0 if the server evicts keys. */
  readonly peakBytes: number;
  readonly fixedBytes: number;
  readonly overhead: number;
  readonly tableBytes: number;
  /** Share of the keys on the fullest master: 1 for one master. */
  readonly largestShare: number;
  /** Whether the server is evicting keys now. If so, idle times end at `horizonSeconds`. */
  readonly evicting: boolean;
  readonly horizonSeconds: number | null;
  readonly known: boolean;
  readonly arithmetic: string;
}

/**
 * Minimum observed time, in s. Redis reports idle times in seconds, so a quarter of a shorter time would be too
 * inaccurate.
 */
const OBSERVED_SECONDS_MIN = 4;
/** Size of a slot in a hash table: a pointer. Keys and their TTLs each have a table. */
const SLOT_BYTES = 8;
/** Share of the TTL. A group whose idle times reach this share has passed its peak. */
const STEADY_SHARE = 0.9;

export function memoryNeed(observation: Observation): MemoryNeed {
  const { masters, groups } = observation;
  const evicting = masters.some(isEvicting);
  const longestIdle = groups.reduce(
    (most, { idle }) => (idle ?? []).reduce((max, { idleSeconds }) => Math.max(max, idleSeconds), most),
    0,
  );
  const horizonSeconds = evicting ? longestIdle : null;
  const needs = needsOf(groups, horizonSeconds);
  const usedByKeys = sum(masters, ({ usedBytes, fixedBytes }) => Math.max(0, (usedBytes ?? 0) - fixedBytes));
  const tablesNow = sum(masters, ({ keys }) => tableBytesOf(keys));
  const asked = sum(needs, ({ keysNow, bytesPerKey }) => keysNow * bytesPerKey);
  const overhead = asked === 0 ? 1 : Math.max(0.9, (usedByKeys - tablesNow) / asked);
  const largestShare = shareOfLargest(masters);
  const keysAtPeak = sum(needs, (need) => need.keysAtPeak) * largestShare;
  const fixedBytes = masters.reduce((most, master) => Math.max(most, master.fixedBytes), 0);
  const tableBytes = tableBytesOf(keysAtPeak);
  const entryBytes = sum(needs, (need) => need.keysAtPeak * need.bytesPerKey) * overhead * largestShare;
  // A cache that starts empty has more keys shortly before its first TTL expires than later.
  const peakBytes = evicting ? 0 : masters.reduce((most, master) => Math.max(most, master.peakBytes ?? 0), 0);
  const bytesPerMaster = Math.max(Math.round(fixedBytes + entryBytes + tableBytes), peakBytes);
  return {
    groups: needs,
    bytesPerMaster,
    peakBytes,
    fixedBytes,
    overhead,
    tableBytes,
    largestShare,
    evicting,
    horizonSeconds,
    // If there are no entries, no use was observed.
    known: needs.some(({ internal }) => !internal) && needs.every(({ known }) => known),
    arithmetic: `${arithmeticOf({ fixedBytes, overhead, largestShare, tableBytes, needs })}${
      bytesPerMaster === peakBytes ? `, less than the peak of ${peakBytes} B` : ''
    }`,
  };
}

function needsOf(groups: readonly ObservedGroup[], horizonSeconds: number | null): readonly GroupNeed[] {
  const entries = new Map(
    groups.filter(({ internal }) => !internal).map((group) => [group, groupNeed(group, horizonSeconds)]),
  );
  const all = [...entries.values()];
  const now = sum(all, ({ keysNow }) => keysNow);
  const factor = now === 0 ? 1 : sum(all, ({ keysAtPeak }) => keysAtPeak) / now;
  const known = all.every((need) => need.known);
  return groups.map((group) => entries.get(group) ?? internalNeed(group, factor, known));
}

/** @param factor ratio of the entries at the peak to the entries now */
function internalNeed(
  { namespace, domain, internal, ttlSeconds, keys, bytesPerKey }: ObservedGroup,
  factor: number,
  known: boolean,
): GroupNeed {
  const common = { namespace, domain, internal, ttlSeconds, keysNow: keys, bytesPerKey };
  return { ...common, keysAtPeak: keys * factor, growth: null, known };
}

function groupNeed(group: ObservedGroup, horizonSeconds: number | null): GroupNeed {
  const { namespace, domain, internal, ttlSeconds, keys, bytesPerKey, idle, persistent } = group;
  const common = { namespace, domain, internal, ttlSeconds, keysNow: keys, bytesPerKey };
  const now = { ...common, keysAtPeak: keys, growth: null };
  // Keys without a TTL do not expire, so their number is unbounded.
  if (ttlSeconds === null || persistent > keys / 2) return { ...now, known: horizonSeconds === null };
  if (idle === null) return { ...now, known: false };
  const longest = idle.reduce((most, { idleSeconds }) => Math.max(most, idleSeconds), 0);
  if (horizonSeconds === null && longest >= STEADY_SHARE * ttlSeconds) return { ...now, known: true };
  // The last second is not complete.
  const complete = horizonSeconds === null ? longest - 1 : medianIdle(idle);
  if (complete < OBSERVED_SECONDS_MIN) return { ...now, known: false };
  const growth = keysWithin(idle, complete, ttlSeconds);
  return { ...common, keysAtPeak: Math.max(keys, growth.keys), growth, known: growth.known };
}

/**
 * Returns the idle time that half of the keys exceed. Up to this time the idle times are complete under eviction: Redis
 * evicts the key with the longest idle time of 5 random ones, which is below the median in one case out of 32, and
 * keeps the best candidates in a pool.
 */
function medianIdle(idle: readonly IdleKey[]): number {
  const sorted = [...idle].sort((a, b) => a.idleSeconds - b.idleSeconds);
  const half = sum(sorted, ({ weight }) => weight) / 2;
  let seen = 0;
  for (const { idleSeconds, weight } of sorted) {
    seen += weight;
    if (seen >= half) return idleSeconds;
  }
  return 0;
}

/**
 * Returns the time, in s, for which the cache must run before its memory need is known: the longest TTL, halved for
 * each doubling that is extrapolated.
 */
export function observationSeconds({ groups }: MemoryNeed): number {
  const longest = groups.reduce(
    (most, { internal, ttlSeconds }) => (internal ? most : Math.max(most, ttlSeconds ?? 0)),
    0,
  );
  return Math.ceil(longest / 2 ** DOUBLINGS_MAX);
}

/** Whether the server has evicted keys and is at its limit. */
function isEvicting({ evicted, usedBytes, maxBytes }: ObservedMaster): boolean {
  return (evicted ?? 0) > 0 && maxBytes !== null && (usedBytes ?? 0) > 0.9 * maxBytes;
}

function shareOfLargest(masters: readonly ObservedMaster[]): number {
  const total = sum(masters, ({ keys }) => keys);
  const most = masters.reduce((max, { keys }) => Math.max(max, keys), 0);
  return total === 0 ? 1 / Math.max(1, masters.length) : most / total;
}

/** Returns the size of two tables, in bytes. Their number of slots is the next power of two. */
function tableBytesOf(keys: number): number {
  return keys < 1 ? 0 : 2 * SLOT_BYTES * 2 ** Math.ceil(Math.log2(keys + 1));
}

function sum<T>(list: readonly T[], read: (one: T) => number): number {
  return list.reduce((total, one) => total + read(one), 0);
}

const GROUPS_SHOWN = 5;

function arithmeticOf({
  fixedBytes,
  overhead,
  largestShare,
  tableBytes,
  needs,
}: Pick<MemoryNeed, 'fixedBytes' | 'overhead' | 'largestShare' | 'tableBytes'> & {
  readonly needs: readonly GroupNeed[];
}): string {
  const terms = needs
    .slice(0, GROUPS_SHOWN)
    .map(
      ({ domain, keysAtPeak, bytesPerKey }) =>
        `${domain}: ${Math.round(keysAtPeak)} keys x ${Math.round(bytesPerKey)} B`,
    );
  const rest = needs.length > GROUPS_SHOWN ? [`${needs.length - GROUPS_SHOWN} smaller groups`] : [];
  const share = largestShare < 1 ? ` x ${largestShare.toFixed(2)} on the fullest master` : '';
  return `${Math.round(fixedBytes)} B fixed + (${[...terms, ...rest].join(' + ') || 'no keys'}) x ${overhead.toFixed(2)} overhead${share} + ${tableBytes} B tables`;
}
