/**
 * TTL and presence of entries. An entry exists if `get` would return it. An entry that is stale, has an invalidated
 * tag, or fails a check counts as absent.
 *
 *                       command                             while Redis is unreachable
 *   getWithTtl, ttl     GET and PTTL, sent together         answered from memory
 *   exists              one MGET                            answered from memory
 *   setIfAbsent         SET NX                              throws: presence is unknown
 *   expire              GET, then an update if unchanged    in memory; the key is deleted in Redis when it is reachable
 */

import { isConnectivityError, NotSentError } from '../api/errors.ts';
import type { Durability, ReadOptions, TimedEntry, WriteOptions } from '../api/types.ts';
import { ownMemory } from '../codec/entry-bytes.ts';
import {
  decodeEnvelope,
  ENDLESS_MS,
  endsWithTtl,
  type Freshness,
  type TagStamp,
  withFreshness,
} from '../codec/envelope.ts';
import { writeDurably } from '../invalidation/durable-write.ts';
import { inBatches } from './batches.ts';
import type { CacheContext } from './cache-context.ts';
import { resolveDurability, resolveTtl } from './options.ts';
import { isFresh, type Reader, type Reading } from './reader.ts';
import { isForeignType, type Remote } from './remote.ts';
import type { Writer } from './writer.ts';

interface Look<T> {
  readonly reading: Reading<T>;
  /** Remaining TTL in ms; null if there is no expiry; undefined if there is no entry. */
  readonly remainingMs: number | null | undefined;
}

interface Found {
  readonly payload: Buffer;
  readonly tags?: readonly TagStamp[] | undefined;
}

/** Maximum number of attempts if an entry changes concurrently. */
const ATTEMPTS = 5;

export class Expiry {
  readonly #context: CacheContext;
  readonly #reader: Reader;
  readonly #writer: Writer;

  constructor(context: CacheContext, reader: Reader, writer: Writer) {
    this.#context = context;
    this.#reader = reader;
    this.#writer = writer;
  }

  async getWithTtl<T>(key: string, options: ReadOptions<T> = {}): Promise<TimedEntry<T> | undefined> {
    const { statistics } = this.#context;
    const { reading, remainingMs } = await this.#look(key, options);
    const leftMs = remainingTtl(reading, remainingMs);
    if (reading.kind !== 'value' || leftMs === undefined) {
      statistics.misses += 1;
      return undefined;
    }
    statistics.hits += 1;
    const source = reading.source === 'redis' ? 'redis' : 'memory';
    return { value: reading.value, ttlSeconds: leftMs === null ? null : leftMs / 1000, source };
  }

  async ttl(key: string): Promise<number | null | undefined> {
    const { reading, remainingMs } = await this.#look(key, {});
    const leftMs = remainingTtl(reading, remainingMs);
    return typeof leftMs === 'number' ? leftMs / 1000 : leftMs;
  }

  async exists(keys: readonly string[]): Promise<number> {
    if (keys.length === 0) return 0;
    // Collects only existing keys, because a set of all keys would take more memory than the keys themselves.
    const found = new Set<string>();
    await inBatches(
      keys,
      (batch) => this.#reader.readMany(batch),
      (readings, batch) => {
        for (const [i, reading] of readings.entries())
          if (reading.kind === 'value' && isFresh(reading.freshness)) found.add(batch[i] as string);
      },
    );
    return found.size;
  }

  async setIfAbsent<T>(key: string, value: T, options: WriteOptions): Promise<boolean> {
    const { remote, fallback, tags, singleFlight, local, statistics } = this.#context;
    const physical = this.#context.physical(key);
    const named = tags.namesOf(key, options.tags);
    const stamps = named.length === 0 ? undefined : await tags.stamps(named);
    const entry = this.#writer.encode(key, value, { ...options, stamps, outdates: true });
    if (!entry) return false;
    const { payload, ttlSeconds } = entry;
    if (remote && fallback.isDirty(physical)) {
      fallback.recover();
      throw pendingDeletion(key);
    }
    const stored = remote
      ? await this.#setIfAbsentInOrder(remote, key, payload, ttlSeconds, options)
      : await this.#keepIfAbsent(key, payload, ttlSeconds);
    if (!stored) return false;
    statistics.writes += 1;
    singleFlight.invalidate(physical);
    local?.forget([key]);
    const dependents = tags.changed([key]);
    if (dependents) await dependents;
    return true;
  }

  async expire(key: string, ttlSeconds: number | null): Promise<boolean> {
    const { remote, fallback, local, options, events } = this.#context;
    const physical = this.#context.physical(key);
    const ttl = resolveTtl('ttlSeconds', ttlSeconds, null);
    if (ttl === 0) return (await this.#writer.delete([key])) > 0;
    if (!remote || fallback.isDirty(physical)) return await this.#expireInMemory(key, physical, ttl);
    try {
      return await this.#expire(remote, physical, ttl);
    } catch (error) {
      if (isForeignType(error)) return false;
      if (options.fallbackEntries === 0 || !isConnectivityError(error)) throw error;
      events.emit({ type: 'fallback', operation: 'expire', reason: (error as Error).message });
      // If Redis has not received the new TTL, it may keep the entry longer than requested, so the entry is deleted.
      fallback.remember([physical]);
      return await this.#expireInMemory(key, physical, ttl);
    } finally {
      local?.forget([key]);
    }
  }

  async #look<T>(key: string, options: ReadOptions<T>): Promise<Look<T>> {
    const { remote, fallback, options: resolved, events } = this.#context;
    const physical = this.#context.physical(key);
    const inMemory = async (): Promise<Look<T>> => ({
      reading: await this.#reader.fromMemory(key, options),
      remainingMs: fallback.memory.remainingMs(physical),
    });
    if (!remote || fallback.isDirty(physical)) return inMemory();
    const { mark } = fallback;
    try {
      const [payload, ttl] = await Promise.all([remote.get(physical), remote.pttl(physical)]);
      if (fallback.pending) fallback.recover();
      if (fallback.wasDirty(physical, mark)) return inMemory();
      // The entry may have expired between the two replies, in which case it is absent.
      const remainingMs = ttl === -2 ? undefined : ttl === -1 ? null : ttl;
      return { reading: await this.#reader.interpret(key, payload, options, undefined), remainingMs };
    } catch (error) {
      if (isForeignType(error))
        return { reading: { kind: 'absent', source: 'redis' }, remainingMs: undefined };
      if (resolved.fallbackEntries === 0 || !isConnectivityError(error)) throw error;
      events.emit({ type: 'fallback', operation: 'ttl', reason: (error as Error).message });
      return inMemory();
    }
  }

  /** Stores the entry, and preserves the order of this process's writes to the key. */
  async #setIfAbsentInOrder(
    remote: Remote,
    key: string,
    payload: Buffer,
    ttlSeconds: number | null,
    options: WriteOptions,
  ): Promise<boolean> {
    const { fallback, options: defaults } = this.#context;
    const { order } = fallback.journal;
    const physical = this.#context.physical(key);
    const durability = resolveDurability('durability', options.durability, defaults.durability);
    const send = (): Promise<boolean> => this.#setIfAbsent(remote, key, payload, ttlSeconds, durability);
    const place = order.begin(physical);
    try {
      if (durability !== 'async') return await writeDurably(fallback, physical, place, send, Boolean);
      const stored = await send();
      if (stored) {
        order.taken(physical, place);
        fallback.settle(physical, place);
      }
      return stored;
    } finally {
      order.end(physical);
    }
  }

  async #setIfAbsent(
    remote: Remote,
    key: string,
    payload: Buffer,
    ttlSeconds: number | null,
    durability: Durability,
  ): Promise<boolean> {
    const { fallback } = this.#context;
    const physical = this.#context.physical(key);
    const { mark } = fallback;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await remote.setIfAbsent(physical, payload, ttlSeconds, durability)) return true;
      const there = await remote.get(physical);
      // The entry was removed in the meantime, or exists but readers would treat it as missing. In the second case,
      // remove it.
      if (there === null) continue;
      const reading = await this.#reader.interpret(key, there, {}, undefined);
      // After a failover, the value may be one whose deletion the new master did not receive.
      if (fallback.wasDirty(physical, mark)) throw pendingDeletion(key);
      if (reading.kind === 'value' && isFresh(reading.freshness)) return false;
      await remote.purge(physical, there);
    }
    return false;
  }

  async #keepIfAbsent(key: string, payload: Buffer, ttlSeconds: number | null): Promise<boolean> {
    const { memory } = this.#context.fallback;
    const physical = this.#context.physical(key);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = memory.get(physical);
      if (remainingTtl(await this.#reader.fromMemory(key, {}), null) !== undefined) return false;
      // Another call may have replaced the entry in the meantime.
      const now = memory.get(physical);
      if (now !== undefined && now !== before) continue;
      if (memory.set(physical, ownMemory(payload), ttlSeconds)) return true;
      throw new NotSentError(`${key}: ${payload.length} bytes do not fit into memory (fallbackBytes)`);
    }
    return false;
  }

  /** Changes the expiry. Returns true if the entry existed and its expiry was changed. */
  async #expire(remote: Remote, physical: string, ttlSeconds: number | null): Promise<boolean> {
    const ms = ttlSeconds === null ? null : Math.max(1, Math.round(ttlSeconds * 1000));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = this.#found((await remote.getFromMaster(physical)) ?? undefined);
      if (!found || (found.tags && !(await this.#context.tags.current(found.tags, true)))) return false;
      const { payload } = found;
      if (await remote.update(physical, payload, ms, withFreshness(payload, endOf(ttlSeconds)))) return true;
    }
    throw new NotSentError(`expire: the entry changed during each of ${ATTEMPTS} attempts`);
  }

  async #expireInMemory(key: string, physical: string, ttlSeconds: number | null): Promise<boolean> {
    const { memory } = this.#context.fallback;
    const found = this.#found(memory.get(physical));
    if (!found) return false;
    if (found.tags && (await this.#reader.fromMemory(key, {})).kind !== 'value') return false;
    const { payload } = found;
    const changed = withFreshness(payload, endOf(ttlSeconds)) ?? payload;
    return memory.set(physical, ownMemory(changed), ttlSeconds);
  }

  /**
   * Decodes an entry. Returns null if the entry is missing, cannot be decoded, is stale, or represents "no value". Its
   * tags are checked separately.
   */
  #found(payload: Buffer | undefined): Found | null {
    const decoded = payload && decodeEnvelope(payload, { codecs: this.#context.codecs.byId });
    if (!payload || !decoded) return null;
    // An entry still exists if its codec is registered only in other processes.
    if (!decoded.ok) return decoded.reason === 'codec' ? { payload } : null;
    return decoded.value === undefined || !isFresh(decoded.freshness)
      ? null
      : { payload, tags: decoded.tags };
  }
}

const pendingDeletion = (key: string): NotSentError =>
  new NotSentError(`${key}: its deletion is pending, so its presence in Redis is unknown`);

const endOf = (ttlSeconds: number | null): number =>
  ttlSeconds === null ? ENDLESS_MS : Date.now() + ttlSeconds * 1000;

/**
 * Returns how much longer readers will see the entry, that is, until Redis drops it or it is no longer fresh; undefined
 * if there is no entry.
 */
function remainingTtl(
  reading: Reading<unknown>,
  remainingMs: number | null | undefined,
): number | null | undefined {
  if (reading.kind !== 'value' || !isFresh(reading.freshness) || remainingMs === undefined) return undefined;
  const freshMs = untilMs(reading.freshness);
  if (freshMs === null) return remainingMs;
  return remainingMs === null ? freshMs : Math.min(remainingMs, freshMs);
}

function untilMs(freshness: Freshness | undefined): number | null {
  return freshness === undefined || endsWithTtl(freshness) || freshness.freshUntilMs === ENDLESS_MS
    ? null
    : Math.max(0, freshness.freshUntilMs - Date.now());
}
