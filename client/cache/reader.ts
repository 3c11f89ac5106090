/**
 * Reads from the first tier, Redis and the memory fallback, in this order, and checks every payload.
 *
 *   key ─▶ first tier, while live ─▶ Redis ─▶ envelope ─▶ schema ─▶ tags ─▶ value
 *                                     └ unreachable ─▶ memory, then older values of the first tier
 *
 * A payload that fails a check is purged and counts as a miss. An entry that is no longer fresh is a miss for `get`,
 * but a stale value for `getOrCompute`, which calls `read`.
 */

import { isConnectivityError } from '../api/errors.ts';
import type { Lookup, ReadOptions } from '../api/types.ts';
import {
  type Decoded,
  decodeEnvelope,
  endsWithTtl,
  type Freshness,
  isJson,
  plainAt,
  plainValue,
} from '../codec/envelope.ts';
import { expectedBy } from '../codec/schema.ts';
import { deepFreeze, isPlainData, type LocalEntry, type LocalFill } from '../l1/local.ts';
import type { CacheContext } from './cache-context.ts';
import { isForeignType } from './remote.ts';

export type ReadSource = 'l1' | 'redis' | 'memory';

/** State of a key. `nothing`: a loader returned that there is no value. */
export type Reading<T = unknown> =
  | {
      readonly kind: 'value';
      readonly value: T;
      readonly source: ReadSource;
      readonly freshness: Freshness | undefined;
    }
  | { readonly kind: 'nothing'; readonly source: ReadSource; readonly freshness: Freshness | undefined }
  | {
      readonly kind: 'absent';
      readonly source: ReadSource;
      /** Set if the entry exists, but its tags are no longer current. */
      readonly outdated?: { readonly freshness: Freshness | undefined };
    };

type Eventual<T> = T | Promise<T>;

const NO_OPTIONS = {};

export class Reader {
  readonly #context: CacheContext;

  constructor(context: CacheContext) {
    this.#context = context;
  }

  /** Returns the value synchronously if the first tier has it, otherwise undefined. */
  hit<T>(key: string, options: ReadOptions<T> | undefined): { readonly value: T } | undefined {
    const entry = this.#context.local?.get(key);
    if (!entry?.ready || entry.tags || entry.schema !== options?.schema) return undefined;
    if (entry.schemaId !== options?.schemaId) return undefined;
    const { statistics } = this.#context;
    statistics.hits += 1;
    statistics.localHits += 1;
    return entry as { readonly value: T };
  }

  /** Looks up a key. A fresh value counts as a hit, anything else as a miss. */
  lookup<T>(key: string, options: ReadOptions<T> = NO_OPTIONS): Promise<Lookup<T>> {
    return this.read(key, options).then((reading) => this.#counted(reading));
  }

  /** Returns the state of the key, even if the entry is no longer fresh. Does not count as a hit or a miss. */
  read<T>(key: string, options: ReadOptions<T> = NO_OPTIONS): Promise<Reading<T>> {
    const entry = this.#context.local?.get(key);
    if (entry === undefined) return this.#fromRedis(key, options);
    return Promise.resolve(this.#held(key, entry, 'l1', options)).then((reading) =>
      reading.kind === 'absent' ? this.#fromRedis(key, options) : reading,
    );
  }

  async lookupMany<T>(
    keys: readonly string[],
    options: ReadOptions<T> = NO_OPTIONS,
  ): Promise<readonly Lookup<T>[]> {
    return (await this.readMany(keys, options)).map((reading) => this.#counted(reading));
  }

  /** Returns the values found, by key. Faster than `lookupMany`. */
  async found<T>(
    keys: readonly string[],
    options: ReadOptions<T> = NO_OPTIONS,
  ): Promise<ReadonlyMap<string, T>> {
    const { local, fallback, statistics } = this.#context;
    const found = new Map<string, T>();
    if (keys.length === 0) return found;
    if (local || options.schema || options.schemaId !== undefined) {
      const lookups = await this.lookupMany(keys, options);
      for (const [i, lookup] of lookups.entries())
        if (lookup.found) found.set(keys[i] as string, lookup.value);
      return found;
    }
    const physical = keys.map((key) => this.#context.physical(key));
    const { mark } = fallback;
    const payloads = await this.#payloads(physical);
    const nowMs = Date.now();
    const plain = payloads?.map((payload, i) =>
      payload && !fallback.wasDirty(physical[i] as string, mark) ? plainAt(payload, nowMs) : 0,
    );
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const payload = payloads?.[i];
      const at = plain?.[i];
      const value = payload && at ? plainValue(payload, at) : undefined;
      if (value !== undefined) {
        statistics.hits += 1;
        found.set(key, value as T);
        continue;
      }
      const lookup = this.#counted(await this.#answer(key, physical[i] as string, payload, options, mark));
      if (lookup.found) found.set(key, lookup.value);
    }
    return found;
  }

  /** Returns the readings in the order of the keys. One command reads all keys that the first tier lacks. */
  async readMany<T>(
    keys: readonly string[],
    options: ReadOptions<T> = NO_OPTIONS,
  ): Promise<readonly Reading<T>[]> {
    const { local, fallback } = this.#context;
    const readings: Reading<T>[] = [];
    const missing: number[] = [];
    for (const [i, key] of keys.entries()) {
      const entry = local?.get(key);
      const held = entry && (await this.#held(key, entry, 'l1', options));
      if (held && held.kind !== 'absent') readings[i] = held;
      else missing.push(i);
    }
    if (missing.length === 0) return readings;
    const physical = missing.map((i) => this.#context.physical(keys[i] as string));
    const fills = local && missing.map((i) => local.begin(keys[i] as string));
    const { mark } = fallback;
    const payloads = await this.#payloads(physical).catch((error: unknown) => {
      for (const fill of fills ?? []) fill.end();
      throw error;
    });
    for (const [n, i] of missing.entries()) {
      const [key, place] = [keys[i] as string, physical[n] as string];
      const reading = this.#answer(key, place, payloads?.[n], options, mark, fills?.[n]);
      // The reading is awaited only if it is a promise, because each await costs time.
      readings[i] = reading instanceof Promise ? await reading : reading;
    }
    return readings;
  }

  /** Interprets one of several payloads; undefined means that Redis, or the shard of the key, is unreachable. */
  #answer<T>(
    key: string,
    physical: string,
    payload: Buffer | null | undefined,
    options: ReadOptions<T>,
    mark: number,
    fill?: LocalFill,
  ): Eventual<Reading<T>> {
    if (payload !== undefined && !this.#context.fallback.wasDirty(physical, mark))
      return this.interpret(key, payload, options, fill);
    fill?.end();
    return this.fromMemory(key, options);
  }

  /** Checks a payload from Redis (null: no entry), and fills the first tier. */
  interpret<T>(
    key: string,
    payload: Buffer | null,
    options: ReadOptions<T>,
    fill: LocalFill | undefined,
  ): Eventual<Reading<T>> {
    if (payload === null) {
      fill?.end();
      return { kind: 'absent', source: 'redis' };
    }
    const decoded = decodeEnvelope(payload, expectedBy(options, this.#context.codecs.byId));
    const end = (reading: Reading<T>): Reading<T> => {
      const held = reading.kind === 'value' && decoded.ok;
      fill?.end(held ? { payload, tags: decoded.tags, freshness: decoded.freshness } : undefined);
      return reading;
    };
    const reading = this.#checked(key, payload, decoded, 'redis', options);
    if (!(reading instanceof Promise)) return end(reading);
    return reading.then(end, (error: unknown) => {
      fill?.end();
      throw error;
    });
  }

  // --- first tier ---------------------------------------------------------------------------------------------------

  #held<T>(
    key: string,
    entry: LocalEntry,
    source: ReadSource,
    options: ReadOptions<T>,
  ): Eventual<Reading<T>> {
    const known = entry.ready && entry.schema === options.schema && entry.schemaId === options.schemaId;
    if (known && !entry.tags)
      return { kind: 'value', value: entry.value as T, source, freshness: entry.freshness };
    const decoded = decodeEnvelope(entry.payload, expectedBy(options, this.#context.codecs.byId));
    if (!decoded.ok) {
      // The entry does not have the shape that this read expects, so it is dropped and read from Redis.
      this.#context.local?.forget([key]);
      return { kind: 'absent', source };
    }
    const keep = (reading: Reading<T>): Reading<T> => {
      if (reading.kind !== 'value') this.#context.local?.forget([key]);
      // A schema may turn JSON into values that cannot be frozen (bytes, dates, instances, cycles). In this case the
      // schema runs on every hit.
      else if (isJson(entry.payload) && (!options.schema || isPlainData(reading.value))) {
        entry.value = deepFreeze(reading.value);
        entry.ready = true;
        entry.schema = options.schema;
        entry.schemaId = options.schemaId;
        this.#context.local?.weigh(key, entry, decoded.contentBytes ?? entry.payload.length);
      }
      return reading;
    };
    const value: Decoded = known ? { ...decoded, value: entry.value } : decoded;
    const reading = this.#checked(key, entry.payload, value, source, known ? {} : options);
    return reading instanceof Promise ? reading.then(keep) : keep(reading);
  }

  // --- Redis and its fallback ----------------------------------------------------------------------------------------

  #fromRedis<T>(key: string, options: ReadOptions<T>): Promise<Reading<T>> {
    const { remote, fallback, local } = this.#context;
    const physical = this.#context.physical(key);
    if (!remote || fallback.isDirty(physical)) return this.fromMemory(key, options);
    const fill = local?.begin(key);
    const { mark } = fallback;
    return remote.get(physical).then(
      (payload) => {
        this.#answered();
        // The read was sent before a failover, and the reply came from a master that had not received the deletion.
        if (fallback.wasDirty(physical, mark)) {
          fill?.end();
          return this.fromMemory(key, options);
        }
        return this.interpret(key, payload, options, fill);
      },
      (error: unknown) => {
        fill?.end();
        if (isForeignType(error)) return { kind: 'absent', source: 'redis' };
        this.#toMemory('get', error);
        return this.fromMemory(key, options);
      },
    );
  }

  /** Reads payloads from Redis. undefined means that Redis, or the shard of the key, is unreachable. */
  async #payloads(physical: readonly string[]): Promise<readonly (Buffer | null | undefined)[] | undefined> {
    const { remote } = this.#context;
    if (!remote) return undefined;
    try {
      const payloads = await remote.getMany(physical);
      this.#answered();
      return payloads;
    } catch (error) {
      this.#toMemory('getMany', error);
      return undefined;
    }
  }

  async fromMemory<T>(key: string, options: ReadOptions<T>): Promise<Reading<T>> {
    const { fallback, local, remote, codecs, statistics } = this.#context;
    const physical = this.#context.physical(key);
    const payload = fallback.memory.get(physical);
    const absent: Reading<T> = { kind: 'absent', source: 'memory' };
    if (!payload) {
      const entry = fallback.isDirty(physical) ? undefined : local?.remembered(key);
      const reading = entry ? await this.#held(key, entry, 'memory', options) : absent;
      if (reading.kind === 'value') statistics.fallbackHits += 1;
      return reading;
    }
    const decoded = decodeEnvelope(payload, expectedBy(options, codecs.byId));
    const reading = await this.#checked(key, payload, decoded, 'memory', options);
    if (reading.kind === 'value' && remote) statistics.fallbackHits += 1;
    return reading;
  }

  // --- checks -------------------------------------------------------------------------------------------------------

  #checked<T>(
    key: string,
    payload: Buffer,
    decoded: Decoded,
    source: ReadSource,
    options: ReadOptions<T>,
  ): Eventual<Reading<T>> {
    if (!decoded.ok) return this.#purged(key, payload, source, decoded.reason);
    if (!options.schema && !decoded.tags) return readingOf<T>(decoded.value, decoded.freshness, source);
    return this.#checkedSlowly(key, payload, decoded, source, options);
  }

  async #checkedSlowly<T>(
    key: string,
    payload: Buffer,
    decoded: Extract<Decoded, { ok: true }>,
    source: ReadSource,
    { schema }: ReadOptions<T>,
  ): Promise<Reading<T>> {
    if (decoded.tags && !(await this.#tagsHold(decoded.tags, source)))
      return { kind: 'absent', source, outdated: { freshness: decoded.freshness } };
    let { value } = decoded;
    if (schema && value !== undefined) {
      try {
        const result = await schema['~standard'].validate(value);
        if (result.issues)
          return this.#purged(key, payload, source, `schema: ${result.issues[0]?.message ?? 'refused'}`);
        value = result.value;
      } catch (error) {
        return this.#purged(key, payload, source, `schema: ${String(error)}`);
      }
    }
    return readingOf<T>(value, decoded.freshness, source);
  }

  /**
   * Whether the tags are current. While Redis is unreachable, the last known versions of the tags are used, as are the
   * last known entries.
   */
  async #tagsHold(
    stamps: NonNullable<Extract<Decoded, { ok: true }>['tags']>,
    source: ReadSource,
  ): Promise<boolean> {
    try {
      return await this.#context.tags.current(stamps, source !== 'memory');
    } catch (error) {
      if (!isConnectivityError(error)) throw error;
      return source === 'memory';
    }
  }

  async #purged(key: string, payload: Buffer, source: ReadSource, reason: string): Promise<Reading<never>> {
    const { statistics, events, fallback, remote, local } = this.#context;
    const physical = this.#context.physical(key);
    statistics.purged += 1;
    events.emit({ type: 'purged', key: physical, reason });
    local?.forget([key]);
    if (source === 'memory') fallback.memory.delete(physical);
    else await remote?.purge(physical, payload).catch(() => false);
    return { kind: 'absent', source };
  }

  #counted<T>(reading: Reading<T>): Lookup<T> {
    const { statistics } = this.#context;
    if (reading.kind === 'value' && isFresh(reading.freshness)) {
      statistics.hits += 1;
      if (reading.source === 'l1') statistics.localHits += 1;
      return { found: true, value: reading.value, source: reading.source };
    }
    statistics.misses += 1;
    return { found: false, source: reading.source };
  }

  /** Records that memory is answering instead of Redis, or throws the error if memory must not answer. */
  #toMemory(operation: string, error: unknown): void {
    const { options, events, refusals } = this.#context;
    if (options.fallbackEntries === 0 || !isConnectivityError(error)) throw error;
    refusals.note(operation, 'read', error);
    events.emit({ type: 'fallback', operation, reason: (error as Error).message });
  }

  #answered(): void {
    if (this.#context.fallback.pending) this.#context.fallback.recover();
  }
}

/**
 * Whether an entry is fresh. The clock is checked only for an entry that is kept beyond its TTL; any other entry
 * expires with its TTL, regardless of where it is stored.
 */
export function isFresh(freshness: Freshness | undefined): boolean {
  return freshness === undefined || endsWithTtl(freshness) || Date.now() < freshness.freshUntilMs;
}

function readingOf<T>(value: unknown, freshness: Freshness | undefined, source: ReadSource): Reading<T> {
  return value === undefined
    ? { kind: 'nothing', source, freshness }
    : { kind: 'value', value: value as T, source, freshness };
}
