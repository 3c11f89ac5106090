/**
 * Gives one load access to its entry on behalf of the engine: through the first tier, through Redis with a lease, or
 * through the memory fallback.
 *
 * While Redis is unreachable, reads are served from memory, and loaded values are stored there. If Redis refuses
 * commands (memory limit, too few replicas, no permission), entries are still read from it, and loaded values are
 * returned but not stored. A refusal is reported by an event and a counter, never as an error to the caller.
 */

import { CommandError, isConnectivityError, NotSentError } from '../api/errors.ts';
import type { ReadOptions, WriteOptions } from '../api/types.ts';
import type { CacheContext } from '../cache/cache-context.ts';
import type { Reader, Reading } from '../cache/reader.ts';
import type { RefusedStep } from '../cache/refusals.ts';
import { isForeignType, type Remote } from '../cache/remote.ts';
import { entryDataOf, type StoreOptions, type Writer } from '../cache/writer.ts';
import { assertFewTags, freshnessOf, type TagStamp } from '../codec/envelope.ts';
import type { EntryData, LocalLease } from '../l1/local.ts';
import { latencyOf } from '../transport/link.ts';
import type { DeadlineTimer } from './deadline-timer.ts';
import type { Attempt, Known, LeaseState, WaitResult } from './engine.ts';
import { knownEntry } from './known-entry.ts';
import type { LeaseHandle, Leases } from './lease.ts';
import { type HeldByOther, headOf } from './lease-state.ts';
import type { StorePolicy } from './policy.ts';

export interface AttemptContext {
  readonly context: CacheContext;
  readonly reader: Reader;
  readonly writer: Writer;
  /** Leases; undefined if each process loads for itself. */
  readonly leases: Leases | undefined;
  readonly deadlines: DeadlineTimer;
}

/** Minimum wait for a reply, as a multiple of the usual latency, for slow networks. */
const LATENCY_FACTOR = 5;

/**
 * Returns the Redis reply, or `instead` if the reply takes too long. Before the first connection, the timeouts of
 * the connection apply.
 *
 * @param physical the requested key; undefined for several keys
 */
export function withDeadline<T>(
  { context, deadlines }: AttemptContext,
  answer: Promise<T>,
  instead: () => T | Promise<T>,
  late: () => void,
  physical?: string,
): Promise<T> {
  const { remote, connection, options } = context;
  if (!remote || connection?.state.kind !== 'ready') return answer;
  const typicalMs = Math.max(remote.typicalMs, latencyOf(connection.current()));
  const ms = Math.max(options.compute.replyTimeoutMs, typicalMs * LATENCY_FACTOR);
  // The first calls on a connection detect which procedures the server allows; each of their replies counts as
  // progress. So does each part of a large value that arrives before this reply.
  const progress = (): number => {
    const { pieces = 0 } = physical === undefined ? connection : connection.at(physical);
    return remote.procedures.steps + pieces;
  };
  return deadlines.limit(answer, ms, instead, late, progress);
}

/** Result of an earlier bulk read for this key: a miss, or no reply from Redis. */
export type ReadBefore = 'missed' | 'away' | undefined;

/** Destination of a loaded value. */
type Destination = 'leased' | 'unleased' | 'memory' | 'nowhere';

const ALONE: LeaseState = { kind: 'alone' };
const REFUSED: LeaseState = { kind: 'refused' };

export class CacheAttempt<T> implements Attempt<T> {
  readonly #cache: AttemptContext;
  readonly #key: string;
  readonly #physical: string;
  readonly #options: WriteOptions & ReadOptions<T>;
  #before: ReadBefore;
  #handle: LeaseHandle | undefined;
  #localLease: LocalLease | undefined;
  #destination: Destination = 'leased';
  /** Names of the tags whose versions are known; `#stamps` has the versions. */
  #tags: Set<string> = new Set();
  #stamps: readonly TagStamp[] | undefined;
  /** First bytes of the entry to replace; undefined if unknown. */
  #seen: Buffer | undefined;
  /** Freshness of the entry to replace, if its bytes were not kept. */
  #freshUntilMs: number | undefined;

  constructor(
    cache: AttemptContext,
    key: string,
    physical: string,
    options: WriteOptions & ReadOptions<T>,
    before?: ReadBefore,
  ) {
    this.#cache = cache;
    this.#key = key;
    this.#physical = physical;
    this.#options = options;
    this.#before = before;
  }

  fetch(): Promise<Known<T> | LeaseState> {
    const { remote, fallback } = this.#cache.context;
    const before = this.#before;
    this.#before = undefined;
    if (!remote || before === 'away' || fallback.isDirty(this.#physical)) return this.#fromMemory();
    const answer = this.#ask(remote, before === 'missed');
    return withDeadline(this.#cache, answer, () => this.#fromMemory(), this.#giveBack, this.#physical);
  }

  take(waits: boolean): Promise<LeaseState> {
    const instead = (): LeaseState => {
      this.#destination = 'memory';
      return ALONE;
    };
    return withDeadline(this.#cache, this.#take(waits), instead, this.#giveBack, this.#physical);
  }

  /** Releases a lease that was acquired too late, so that others do not wait for it to expire. */
  readonly #giveBack = (): void => {
    this.release('again').catch(() => {});
  };

  /** Reads the entry or acquires its lease. Not async, because each additional promise delays the caller. */
  #ask(remote: Remote, missed: boolean): Promise<Known<T> | LeaseState> {
    const { context, leases } = this.#cache;
    const { local } = context;
    if (!leases) return this.#fromReader('unleased');
    // If most reads hit, a plain read comes first, which makes hits cheaper and adds one command to every miss.
    const readFirst = leases.mostlyHits || remote.procedures.mode === 'commands' || local?.get(this.#key);
    if (missed || !readFirst) return this.#fetchLeased(missed);
    return this.#cache.reader.read(this.#key, this.#options).then(
      (reading) => this.#found(leases, reading),
      (error: unknown) => this.#without(error),
    );
  }

  #found(leases: Leases, reading: Reading<T>): Known<T> | LeaseState | Promise<Known<T> | LeaseState> {
    const { source } = reading;
    if (source === 'memory') {
      this.#destination = 'memory';
      return knownEntry(reading) ?? ALONE;
    }
    const found = knownEntry(reading);
    if (source === 'redis') leases.recordRead(found !== undefined);
    if (found) {
      this.#freshUntilMs = found.freshness?.freshUntilMs;
      return found;
    }
    if (reading.kind !== 'absent' || !reading.outdated || source !== 'redis') return this.#fetchLeased(true);
    // The entry exists and must be replaced.
    this.#freshUntilMs = reading.outdated.freshness?.freshUntilMs;
    return this.#take(true);
  }

  async #fetchLeased(missed: boolean): Promise<Known<T> | LeaseState> {
    const { context, reader } = this.#cache;
    const fill = context.local?.begin(this.#key);
    const localLease = context.local?.lease(this.#key);
    const { mark } = context.fallback;
    try {
      const fetched = await this.#lease().fetch(missed);
      if (context.fallback.pending) context.fallback.recover();
      if (fetched.kind === 'mine') this.#localLease = localLease;
      if (fetched.kind !== 'value') return fetched;
      // The command was sent before a failover, and the reply came from a master that had not received the deletion.
      if (context.fallback.wasDirty(this.#physical, mark)) return this.#fromMemory();
      this.#seen = headOf(fetched.payload);
      const reading = await reader.interpret(this.#key, fetched.payload, this.#options, fill);
      return knownEntry(reading) ?? this.#take(true);
    } catch (error) {
      return this.#without(error);
    } finally {
      fill?.end();
      if (this.#localLease !== localLease) localLease?.end();
    }
  }

  async #take(waits: boolean): Promise<LeaseState> {
    if (this.#destination === 'nowhere') return REFUSED;
    if (this.#destination !== 'leased') return ALONE;
    const handle = this.#lease();
    try {
      const state = await handle.take(waits);
      if (state.kind === 'held' || !state.head || this.#isToBeReplaced(state.head)) return state;
      // Another process was faster, and the next fetch returns its value.
      await handle.release('again');
      return { kind: 'held', token: '', leftMs: 0 };
    } catch (error) {
      if (isConnectivityError(error)) {
        this.#giveUp(error);
        this.#destination = 'memory';
        return ALONE;
      }
      return this.#refused('lease', error);
    }
  }

  /**
   * Ends the lease after a failed command. If the server may hold the lease, it is released in the background, so that
   * waiters do not wait for it to expire.
   */
  #giveUp(error: unknown): void {
    const handle = this.#handle;
    const isAcquired = handle?.own || !(error instanceof NotSentError);
    if (isAcquired && isConnectivityError(error)) handle?.giveUp().catch(() => {});
    else handle?.abandon();
  }

  /** Whether the entry with these first bytes is the entry that was found stale. */
  #isToBeReplaced(head: Buffer): boolean {
    if (this.#seen) return this.#seen.equals(head);
    const freshUntilMs = freshnessOf(head)?.freshUntilMs;
    return freshUntilMs === undefined || freshUntilMs === this.#freshUntilMs;
  }

  async wait(held: HeldByOther, maxMs: number): Promise<WaitResult<T>> {
    // The key has changed, so there is no lease to wait for, and the caller reads it again.
    if (held.token === '') return { kind: 'again' };
    const notification = (await this.#handle?.wait(held, maxMs)) ?? { kind: 'silent' };
    if (notification.kind === 'silent' || notification.outcome === 's') return { kind: 'again' };
    if (notification.outcome === 'f') return { kind: 'failed' };
    if (notification.outcome === 'n')
      return { kind: 'known', value: undefined as T, source: 'redis', freshness: undefined };
    try {
      const { reader } = this.#cache;
      const reading = await reader.interpret(this.#key, notification.payload, this.#options, undefined);
      return knownEntry(reading) ?? { kind: 'again' };
    } catch (error) {
      // The versions of the entry's tags could not be read; the next fetch handles the error.
      if (error instanceof CommandError || isConnectivityError(error)) return { kind: 'again' };
      throw error;
    }
  }

  /** Records the versions of the tags before the load, so that invalidating one during the load causes a miss. */
  prepare(): Promise<void> | undefined {
    const tags = this.#cache.context.tags.namesOf(this.#key, this.#options.tags);
    this.#tags = new Set(tags);
    return tags.length === 0 ? undefined : this.#stamp(tags);
  }

  /** Adds tags and records their current versions, so that invalidating one of them later causes a miss. */
  addTags(tags: readonly string[]): Promise<void> {
    const further = this.#cache.context.tags.namesOf(this.#key, tags).filter((tag) => !this.#tags.has(tag));
    assertFewTags([...this.#tags, ...further]);
    for (const tag of further) this.#tags.add(tag);
    return further.length === 0 ? Promise.resolve() : this.#stamp(further);
  }

  #stamp(tags: readonly string[]): Promise<void> {
    const versions = this.#cache.context.tags;
    // The load continues without Redis: its value and the versions stay in this process.
    const here = (): Promise<readonly TagStamp[]> => {
      this.#destination = 'memory';
      return versions.stampsHere(tags);
    };
    const stamps =
      this.#destination === 'memory'
        ? here()
        : withDeadline(this.#cache, versions.stamps(tags), here, () => {});
    return stamps.then(
      (stamps) => {
        this.#stamps = this.#stamps ? [...this.#stamps, ...stamps] : stamps;
      },
      (error: unknown) => {
        if (!isConnectivityError(error)) this.#refused('tags', error);
        else this.#destination = 'nowhere';
      },
    );
  }

  async store(value: T, policy: StorePolicy): Promise<void> {
    const { context, writer } = this.#cache;
    const options: StoreOptions = {
      ...this.#options,
      ...policy,
      stamps: this.#stamps,
      // Never durable: a durable write is sent through another queue, and could reach Redis after a later deletion.
      durability: 'async',
      outdates: false,
    };
    switch (this.#destination) {
      case 'leased':
        if (context.remote && this.#handle) return this.#storeLeased(this.#handle, value, options);
        writer.keep(this.#key, value, options);
        return;
      case 'unleased':
        await writer
          .store(this.#key, value, options)
          .catch((error: unknown) => this.#refused('store', error));
        return;
      case 'memory':
        writer.keep(this.#key, value, options);
        // Other processes must not wait for a lease whose value stays in this process.
        return this.release('again').catch(() => {});
      case 'nowhere':
        return this.release('again');
    }
  }

  async release(outcome: 'failed' | 'nothing' | 'again'): Promise<void> {
    this.#localLease?.end();
    if (!this.#handle?.own) return;
    try {
      await this.#handle.release(outcome);
    } catch (error) {
      this.#refused('lease', error);
    }
  }

  async #storeLeased(handle: LeaseHandle, value: T, options: StoreOptions): Promise<void> {
    const { context, writer } = this.#cache;
    const { local, statistics } = context;
    let entry: ReturnType<Writer['encode']>;
    try {
      entry = writer.encode(this.#key, value, options);
    } catch (error) {
      await handle.release('again');
      throw error;
    }
    if (!entry) return handle.release('again');
    const { payload, ttlSeconds } = entry;
    const ttlMs = ttlSeconds === null ? null : Math.max(1, Math.round(ttlSeconds * 1000));
    const write = local?.write(this.#key, this.#localLease);
    let kept: EntryData | undefined;
    try {
      if (await handle.store(payload, ttlMs)) {
        kept = write && entryDataOf(value, entry, options);
        statistics.writes += 1;
      }
    } catch (error) {
      if (!(error instanceof CommandError)) {
        this.#giveUp(error);
        throw error;
      }
      this.#refused('store', error);
      // Release the lease now, so that waiters do not wait for it to expire.
      await this.release('again');
    } finally {
      this.#localLease?.end();
      write?.end(kept);
    }
  }

  /** Reads the entry without a lease. `destination`: where a value that is loaded afterwards is stored. */
  async #fromReader(destination: 'unleased' | 'nowhere'): Promise<Known<T> | LeaseState> {
    this.#destination = destination;
    try {
      const found = knownEntry(await this.#cache.reader.read(this.#key, this.#options));
      return found ?? (destination === 'nowhere' ? REFUSED : ALONE);
    } catch (error) {
      if (isConnectivityError(error)) return this.#fromMemory();
      return this.#refused('read', error);
    }
  }

  #lease(): LeaseHandle {
    const leases = this.#cache.leases as Leases;
    this.#handle ??= leases.handleOf(this.#physical);
    return this.#handle;
  }

  async #fromMemory(): Promise<Known<T> | LeaseState> {
    this.#destination = 'memory';
    return knownEntry(await this.#cache.reader.fromMemory(this.#key, this.#options)) ?? ALONE;
  }

  /** Continues without a reply from Redis about the lease. */
  #without(error: unknown): Promise<Known<T> | LeaseState> | LeaseState {
    const { options, events } = this.#cache.context;
    this.#giveUp(error);
    if (isForeignType(error)) {
      this.#destination = 'unleased';
      return ALONE;
    }
    if (isConnectivityError(error)) {
      this.#cache.context.refusals.note('getOrCompute', 'read', error);
      if (options.fallbackEntries > 0)
        events.emit({ type: 'fallback', operation: 'get', reason: (error as Error).message });
      return this.#fromMemory();
    }
    this.#refused('lease', error);
    // A server that refuses writes, for example because its memory is full, may still have the value.
    return this.#fromReader('nowhere');
  }

  /** Counts and reports a refusal; the caller gets the value of its loader. @throws any error other than a refusal */
  #refused(step: RefusedStep, error: unknown): LeaseState {
    if (!(error instanceof CommandError)) throw error;
    this.#cache.context.refusals.note('getOrCompute', step, error);
    this.#destination = 'nowhere';
    return REFUSED;
  }
}
