/**
 * One flight's way to its entry, as the engine asks for it: first tier, Redis with its lease, or the memory fallback.
 *
 * Redis away: what the memory has, and what is loaded goes there. Redis refuses (full, too few replicas, no right): what it has is
 * read all the same, what is loaded is returned and not stored. A refusal is an event and a counter, never the caller's error.
 */
import { latencyOf } from '../connection/link.ts';
import { assertFewTags, freshnessOf, type TagStamp } from '../envelope.ts';
import { CommandError, isConnectivityError } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { isPlaceholder } from '../placeholder.ts';
import type { Reader, Reading } from '../reader.ts';
import type { RefusedStep } from '../refusals.ts';
import { isForeignType, type Remote } from '../remote.ts';
import type { Filling, LocalClaim } from '../tiers/local.ts';
import type { ReadOptions, WriteOptions } from '../types.ts';
import { fillingOf, type StoreOptions, type Writer } from '../writer.ts';
import type { Attempt, Known, Turn, Woken } from './engine.ts';
import { type Claim, type Held, headOf, type Leases } from './lease.ts';
import type { Patience } from './patience.ts';
import type { Keeping } from './policy.ts';

export interface AttemptParts {
  readonly parts: Parts;
  readonly reader: Reader;
  readonly writer: Writer;
  /** undefined: each process loads for itself. */
  readonly leases: Leases | undefined;
  readonly patience: Patience;
}

/** A slow network is waited for all the same. */
const PATIENCE_FACTOR = 5;

/**
 * Redis's answer, or `instead` when it takes too long. Until there is a connection its own time-outs hold.
 *
 * @param physical the one key that is asked for; undefined: several
 */
export function patiently<T>(
  { parts, patience }: AttemptParts,
  answer: Promise<T>,
  instead: () => T | Promise<T>,
  late: () => void,
  physical?: string,
): Promise<T> {
  const { remote, connection, options } = parts;
  if (!remote || connection?.state.kind !== 'ready') return answer;
  const typicalMs = Math.max(remote.typicalMs, latencyOf(connection.current()));
  const ms = Math.max(options.compute.patienceMs, typicalMs * PATIENCE_FACTOR);
  // The first calls on a connection find out what the server allows: each of its answers is a sign of life. So is a part of a large
  // value that arrives, be it another's before this one.
  const progress = (): number => {
    const { pieces = 0 } = physical === undefined ? connection : connection.at(physical);
    return remote.procedures.steps + pieces;
  };
  return patience.limit(answer, ms, instead, late, progress);
}

/** What a read of many keys has just said of this one: it missed, or Redis did not answer. */
export type ReadBefore = 'missed' | 'away' | undefined;

/** Where a loaded value goes. */
type Destination = 'leased' | 'unleased' | 'memory' | 'nowhere';

const ALONE: Turn = { kind: 'alone' };
const REFUSED: Turn = { kind: 'refused' };

export class CacheAttempt<T> implements Attempt<T> {
  readonly #cache: AttemptParts;
  readonly #key: string;
  readonly #physical: string;
  readonly #options: WriteOptions & ReadOptions<T>;
  #before: ReadBefore;
  #claim: Claim | undefined;
  #localClaim: LocalClaim | undefined;
  #destination: Destination = 'leased';
  /** Names of the tags whose versions are taken, and these versions. */
  #tags: Set<string> = new Set();
  #stamps: readonly TagStamp[] | undefined;
  /** How the entry began that is to be replaced; undefined: not known. */
  #seen: Buffer | undefined;
  /** The same of an entry whose bytes were not kept. */
  #freshUntilMs: number | undefined;

  constructor(
    cache: AttemptParts,
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

  fetch(): Promise<Known<T> | Turn> {
    const { remote, fallback } = this.#cache.parts;
    const before = this.#before;
    this.#before = undefined;
    if (!remote || before === 'away' || fallback.isDirty(this.#physical)) return this.#fromMemory();
    const answer = this.#ask(remote, before === 'missed');
    return patiently(this.#cache, answer, () => this.#fromMemory(), this.#giveBack, this.#physical);
  }

  take(waits: boolean): Promise<Turn> {
    const instead = (): Turn => {
      this.#destination = 'memory';
      return ALONE;
    };
    return patiently(this.#cache, this.#take(waits), instead, this.#giveBack, this.#physical);
  }

  /** A lease that came too late: others need not wait for it to run out. */
  readonly #giveBack = (): void => {
    this.release('again').catch(() => {});
  };

  /** Not async: most end with the first promise, and each further one is time that a caller waits. */
  #ask(remote: Remote, missed: boolean): Promise<Known<T> | Turn> {
    const { parts, leases } = this.#cache;
    const { local } = parts;
    if (!leases) return this.#fromReader('unleased');
    // Where hits are the rule a plain read comes first: it costs a hit less, and a miss one command more.
    const readFirst = leases.hitsAreTheRule || remote.procedures.way === 'commands' || local?.get(this.#key);
    if (missed || !readFirst) return this.#fetchLeased(missed);
    return this.#cache.reader.read(this.#key, this.#options).then(
      (reading) => this.#found(leases, reading),
      (error: unknown) => this.#without(error),
    );
  }

  #found(leases: Leases, reading: Reading<T>): Known<T> | Turn | Promise<Known<T> | Turn> {
    const { source } = reading;
    if (source === 'memory') {
      this.#destination = 'memory';
      return known(reading) ?? ALONE;
    }
    const found = known(reading);
    if (source === 'redis') leases.saw(found !== undefined);
    if (found) {
      this.#freshUntilMs = found.freshness?.freshUntilMs;
      return found;
    }
    if (reading.kind !== 'absent' || !reading.outdated || source !== 'redis') return this.#fetchLeased(true);
    // It is there to be replaced.
    this.#freshUntilMs = reading.outdated.freshness?.freshUntilMs;
    return this.#take(true);
  }

  async #fetchLeased(missed: boolean): Promise<Known<T> | Turn> {
    const { parts, reader } = this.#cache;
    const fill = parts.local?.begin(this.#key);
    const claim = parts.local?.claim(this.#key);
    try {
      const fetched = await this.#lease().fetch(missed);
      if (parts.fallback.pending) parts.fallback.recover();
      if (fetched.kind === 'mine') this.#localClaim = claim;
      if (fetched.kind !== 'value') return fetched;
      // Asked before a failover, answered by a master that does not know of the deletion.
      if (parts.fallback.isDirty(this.#physical)) return this.#fromMemory();
      this.#seen = headOf(fetched.payload);
      const reading = await reader.interpret(this.#key, fetched.payload, this.#options, fill);
      return known(reading) ?? this.#take(true);
    } catch (error) {
      return this.#without(error);
    } finally {
      fill?.end();
      if (this.#localClaim !== claim) claim?.end();
    }
  }

  async #take(waits: boolean): Promise<Turn> {
    if (this.#destination === 'nowhere') return REFUSED;
    if (this.#destination !== 'leased') return ALONE;
    const claim = this.#lease();
    try {
      const turn = await claim.take(waits);
      if (turn.kind === 'held' || !turn.head || this.#isToBeReplaced(turn.head)) return turn;
      // Another process was quicker: the next fetch returns what it stored.
      await claim.release('again');
      return { kind: 'held', token: '', leftMs: 0 };
    } catch (error) {
      if (isConnectivityError(error)) {
        this.#destination = 'memory';
        return ALONE;
      }
      return this.#refused('lease', error);
    }
  }

  /** Whether the entry that begins like this is the one that was found to be stale. */
  #isToBeReplaced(head: Buffer): boolean {
    if (this.#seen) return this.#seen.equals(head);
    const freshUntilMs = freshnessOf(head)?.freshUntilMs;
    return freshUntilMs === undefined || freshUntilMs === this.#freshUntilMs;
  }

  async wait(held: Held, maxMs: number): Promise<Woken<T>> {
    // It has changed, and is not waited for.
    if (held.token === '') return { kind: 'again' };
    const wake = (await this.#claim?.wait(held, maxMs)) ?? { kind: 'silent' };
    if (wake.kind === 'silent' || wake.outcome === 's') return { kind: 'again' };
    if (wake.outcome === 'f') return { kind: 'failed' };
    if (wake.outcome === 'n')
      return { kind: 'known', value: undefined as T, source: 'redis', freshness: undefined };
    try {
      const { reader } = this.#cache;
      const reading = await reader.interpret(this.#key, wake.payload, this.#options, undefined);
      return known(reading) ?? { kind: 'again' };
    } catch (error) {
      // Versions of its tags could not be asked for: the way of every fetch says what then.
      if (error instanceof CommandError || isConnectivityError(error)) return { kind: 'again' };
      throw error;
    }
  }

  /** The versions of its tags are taken before the load: one that is invalidated meanwhile makes the result a miss. */
  prepare(): Promise<void> | undefined {
    const tags = this.#cache.parts.tags.namesOf(this.#key, this.#options.tags);
    this.#tags = new Set(tags);
    return tags.length === 0 ? undefined : this.#stamp(tags);
  }

  /** The versions that were taken before stay as they are: what was invalidated since is a miss. */
  addTags(tags: readonly string[]): Promise<void> {
    const further = this.#cache.parts.tags.namesOf(this.#key, tags).filter((tag) => !this.#tags.has(tag));
    assertFewTags([...this.#tags, ...further]);
    for (const tag of further) this.#tags.add(tag);
    return further.length === 0 ? Promise.resolve() : this.#stamp(further);
  }

  #stamp(tags: readonly string[]): Promise<void> {
    const versions = this.#cache.parts.tags;
    // Redis was given up, or is now: the value stays here, and so do the versions.
    const here = (): Promise<readonly TagStamp[]> => {
      this.#destination = 'memory';
      return versions.stampsHere(tags);
    };
    const stamps =
      this.#destination === 'memory' ? here() : patiently(this.#cache, versions.stamps(tags), here, () => {});
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

  async store(value: T, keeping: Keeping): Promise<void> {
    const { parts, writer } = this.#cache;
    const options: StoreOptions = {
      ...this.#options,
      ...keeping,
      stamps: this.#stamps,
      // Never durable: queued elsewhere, the store could come after a deletion that was asked for later.
      durability: 'async',
      outdates: false,
    };
    switch (this.#destination) {
      case 'leased':
        if (parts.remote && this.#claim) return this.#storeLeased(this.#claim, value, options);
        writer.keep(this.#key, value, options);
        return;
      case 'unleased':
        await writer
          .store(this.#key, value, options)
          .catch((error: unknown) => this.#refused('store', error));
        return;
      case 'memory':
        writer.keep(this.#key, value, options);
        // Others need not wait for a lease whose value stays here.
        return this.release('again').catch(() => {});
      case 'nowhere':
        return this.release('again');
    }
  }

  async release(outcome: 'failed' | 'nothing' | 'again'): Promise<void> {
    this.#localClaim?.end();
    if (!this.#claim?.own) return;
    try {
      await this.#claim.release(outcome);
    } catch (error) {
      this.#refused('lease', error);
    }
  }

  async #storeLeased(claim: Claim, value: T, options: StoreOptions): Promise<void> {
    const { parts, writer } = this.#cache;
    const { local, statistics } = parts;
    let entry: ReturnType<Writer['encode']>;
    try {
      entry = writer.encode(this.#key, value, options);
    } catch (error) {
      await claim.release('again');
      throw error;
    }
    if (!entry) return claim.release('again');
    const { payload, ttlSeconds } = entry;
    const ttlMs = ttlSeconds === null ? null : Math.max(1, Math.round(ttlSeconds * 1000));
    const write = local?.write(this.#key, this.#localClaim);
    let kept: Filling | undefined;
    try {
      if (await claim.store(payload, ttlMs)) {
        kept = write && fillingOf(value, entry, options);
        statistics.writes += 1;
      }
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#refused('store', error);
      // Release the lease now, so that waiters do not wait for it to expire.
      await this.release('again');
    } finally {
      this.#localClaim?.end();
      write?.end(kept);
    }
  }

  /** A plain read. `destination`: of a value that is loaded after it. */
  async #fromReader(destination: 'unleased' | 'nowhere'): Promise<Known<T> | Turn> {
    this.#destination = destination;
    try {
      const found = known(await this.#cache.reader.read(this.#key, this.#options));
      return found ?? (destination === 'nowhere' ? REFUSED : ALONE);
    } catch (error) {
      if (isConnectivityError(error)) return this.#fromMemory();
      return this.#refused('read', error);
    }
  }

  #lease(): Claim {
    const leases = this.#cache.leases as Leases;
    this.#claim ??= leases.claim(this.#physical);
    return this.#claim;
  }

  async #fromMemory(): Promise<Known<T> | Turn> {
    this.#destination = 'memory';
    return known(await this.#cache.reader.fromMemory(this.#key, this.#options)) ?? ALONE;
  }

  /** Redis did not say whose turn it is. */
  #without(error: unknown): Promise<Known<T> | Turn> | Turn {
    const { options, events } = this.#cache.parts;
    this.#claim?.abandon();
    if (isForeignType(error)) {
      this.#destination = 'unleased';
      return ALONE;
    }
    if (isConnectivityError(error)) {
      this.#cache.parts.refusals.note('getOrCompute', 'read', error);
      if (options.fallbackEntries > 0)
        events.emit({ type: 'fallback', operation: 'get', reason: (error as Error).message });
      return this.#fromMemory();
    }
    this.#refused('lease', error);
    // Full, it may have the value all the same.
    return this.#fromReader('nowhere');
  }

  /** Counted and told; the caller gets what its loader returns. @throws what is no refusal by Redis */
  #refused(step: RefusedStep, error: unknown): Turn {
    if (!(error instanceof CommandError)) throw error;
    this.#cache.parts.refusals.note('getOrCompute', step, error);
    this.#destination = 'nowhere';
    return REFUSED;
  }
}

/** undefined: there is no entry, or only a lease in its place. */
function known<T>(reading: Reading<T>): Known<T> | undefined {
  if (reading.kind === 'absent' || isPlaceholder(reading.freshness)) return undefined;
  const { source, freshness } = reading;
  return {
    kind: 'known',
    value: (reading.kind === 'value' ? reading.value : undefined) as T,
    source,
    freshness,
  };
}
