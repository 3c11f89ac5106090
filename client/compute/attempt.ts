/**
 * One flight's way to its entry, as the engine asks for it: first tier, Redis with its lease, or the memory fallback.
 *
 * Redis away: what the memory has, and what is loaded goes there. Redis answers but gives no lease (full, too few replicas,
 * a key without a lease in its slot): loaded and stored as without one; while its slot moves: loaded and not stored.
 */
import { isSplit } from '../connection/cluster/redirection.ts';
import { freshnessOf, type TagStamp } from '../envelope.ts';
import { CommandError, isConnectivityError } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Reader, Reading } from '../reader.ts';
import { isForeignType, type Remote } from '../remote.ts';
import type { Filling } from '../tiers/local.ts';
import type { ReadOptions, WriteOptions } from '../types.ts';
import { fillingOf, type StoreOptions, type Writer } from '../writer.ts';
import type { Attempt, Known, Turn, Woken } from './engine.ts';
import { type Claim, type Fetched, type Held, type Leases, NOTHING_SEEN, seenOf } from './lease.ts';
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

/** What Redis says, or `instead` when it takes too long. Until there is a connection its own time-outs hold. */
export function patiently<T>(
  { parts, patience }: AttemptParts,
  answer: Promise<T>,
  instead: () => T | Promise<T>,
  late: () => void,
): Promise<T> {
  const { remote, connection, options } = parts;
  if (!remote || connection?.state.kind !== 'ready') return answer;
  const ms = Math.max(options.compute.patienceMs, remote.typicalMs * PATIENCE_FACTOR);
  return patience.limit(answer, ms, instead, late);
}

/** What a read of many keys has just said of this one: it missed, or Redis did not answer. */
export type ReadBefore = 'missed' | 'away' | undefined;

/** Where a loaded value goes. */
type Destination = 'leased' | 'unleased' | 'memory' | 'nowhere';

const ALONE: Turn = { kind: 'alone' };

export class CacheAttempt<T> implements Attempt<T> {
  readonly #cache: AttemptParts;
  readonly #key: string;
  readonly #physical: string;
  readonly #options: WriteOptions & ReadOptions<T>;
  #before: ReadBefore;
  #claim: Claim | undefined;
  #destination: Destination = 'leased';
  #stamps: readonly TagStamp[] | undefined;
  /** How the entry began that is to be replaced; undefined: not known yet. */
  #seen: Buffer | undefined;

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
    return patiently(this.#cache, answer, () => this.#fromMemory(), this.#giveBack);
  }

  take(waits: boolean): Promise<Turn> {
    const instead = (): Turn => {
      this.#destination = 'memory';
      return ALONE;
    };
    return patiently(this.#cache, this.#take(waits), instead, this.#giveBack);
  }

  /** A lease that came too late: others need not wait for it to run out. */
  readonly #giveBack = (): void => {
    this.release('again').catch(() => {});
  };

  /** Not async: most end with the first promise, and each further one is time that a caller waits. */
  #ask(remote: Remote, missed: boolean): Promise<Known<T> | Turn> {
    const { parts, reader, leases } = this.#cache;
    const { local } = parts;
    if (!leases) return this.#fromReader();
    // Where hits are the rule a plain read comes first: it costs a hit less, and a miss one command more.
    const readFirst = leases.hitsAreTheRule || remote.functions.absent || local?.get(this.#key);
    if (missed || !readFirst) return this.#fetchLeased(missed);
    return reader.read(this.#key, this.#options).then(
      (reading) => {
        if (reading.source === 'redis') leases.saw(reading.kind !== 'absent');
        if (reading.source === 'memory') this.#destination = 'memory';
        if (reading.kind !== 'absent') this.#freshUntilMs = reading.freshness?.freshUntilMs;
        else if (reading.outdated && reading.source === 'redis') {
          // It is there to be replaced: its bytes are looked at once the lease is ours.
          this.#freshUntilMs = reading.outdated.freshness?.freshUntilMs;
          return this.#take(true);
        }
        return known(reading) ?? (reading.source === 'memory' ? ALONE : this.#fetchLeased(true));
      },
      (error: unknown) => this.#without(error),
    );
  }

  async #fetchLeased(missed: boolean): Promise<Known<T> | Turn> {
    const { parts, reader } = this.#cache;
    const fill = parts.local?.begin(this.#key);
    let fetched: Fetched;
    try {
      fetched = await this.#lease().fetch(missed);
    } catch (error) {
      fill?.end();
      return this.#without(error);
    }
    if (parts.fallback.pending) parts.fallback.recover();
    if (fetched.kind === 'value' && parts.fallback.isDirty(this.#physical)) {
      // Asked before a failover, answered by a master that does not know of the deletion.
      fill?.end();
      return this.#fromMemory();
    }
    if (fetched.kind !== 'value') {
      fill?.end();
      this.#seen = NOTHING_SEEN;
      return fetched;
    }
    this.#seen = seenOf(fetched.payload);
    const reading = await reader.interpret(this.#key, fetched.payload, this.#options, fill);
    return known(reading) ?? this.#take(true);
  }

  async #take(waits: boolean): Promise<Turn> {
    if (this.#destination !== 'leased') return ALONE;
    try {
      const turn = await this.#lease().take(waits);
      return turn.kind === 'mine' && this.#seen === undefined ? await this.#look() : turn;
    } catch (error) {
      if (isConnectivityError(error)) this.#destination = 'memory';
      else if (error instanceof CommandError) this.#destination = 'unleased';
      else throw error;
      return ALONE;
    }
  }

  /** The lease is ours for an entry whose bytes were not seen: are they still what has to be replaced? */
  async #look(): Promise<Turn> {
    const payload = (await this.#cache.parts.remote?.get(this.#physical)) ?? null;
    this.#seen = payload ? seenOf(payload) : NOTHING_SEEN;
    const freshUntilMs = payload ? freshnessOf(payload)?.freshUntilMs : undefined;
    if (freshUntilMs === undefined || freshUntilMs === this.#freshUntilMs) return { kind: 'mine' };
    // Somebody was quicker: fetched again, it is what they stored.
    await this.release('again');
    return { kind: 'held', token: '', leftMs: 0 };
  }

  async wait(held: Held, maxMs: number): Promise<Woken<T>> {
    const wake = (await this.#claim?.wait(held, maxMs)) ?? { kind: 'silent' };
    if (wake.kind === 'silent' || wake.outcome === 's') return { kind: 'again' };
    if (wake.outcome === 'f') return { kind: 'failed' };
    if (wake.outcome === 'n')
      return { kind: 'known', value: undefined as T, source: 'redis', freshness: undefined };
    const { reader } = this.#cache;
    const reading = await reader.interpret(this.#key, wake.payload, this.#options, undefined);
    return known(reading) ?? { kind: 'again' };
  }

  /** The versions of its tags are taken before the load: one that is invalidated meanwhile makes the result a miss. */
  prepare(): Promise<void> | undefined {
    const versions = this.#cache.parts.tags;
    const tags = versions.namesOf(this.#key, this.#options.tags);
    if (tags.length === 0) return undefined;
    // Redis was given up, or is now: the value stays here, and so do the versions.
    const here = (): Promise<readonly TagStamp[]> => {
      this.#destination = 'memory';
      return versions.stampsHere(tags);
    };
    const stamps =
      this.#destination === 'memory' ? here() : patiently(this.#cache, versions.stamps(tags), here, () => {});
    return stamps.then(
      (stamps) => {
        this.#stamps = stamps;
      },
      (error: unknown) => {
        if (!isConnectivityError(error)) throw error;
        this.#destination = 'nowhere';
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
        await writer.store(this.#key, value, options);
        return;
      case 'memory':
        this.#claim?.abandon();
        writer.keep(this.#key, value, options);
        return;
      case 'nowhere':
        return this.release('again');
    }
  }

  async release(outcome: 'failed' | 'nothing' | 'again'): Promise<void> {
    if (this.#claim?.own) await this.#claim.release(outcome);
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
    const write = local?.write(this.#key);
    let kept: Filling | undefined;
    try {
      if (await claim.store(payload, ttlMs, this.#seen)) {
        kept = write && fillingOf(value, entry, options);
        statistics.writes += 1;
      }
    } catch (error) {
      // Refused (a server that is full): who waits need not wait for the lease's end.
      if (error instanceof CommandError) await claim.release('again');
      throw error;
    } finally {
      write?.end(kept);
    }
  }

  /** Without leases. */
  async #fromReader(destination: Destination = 'unleased'): Promise<Known<T> | Turn> {
    this.#destination = destination;
    try {
      return known(await this.#cache.reader.read(this.#key, this.#options)) ?? ALONE;
    } catch (error) {
      if (isConnectivityError(error)) return this.#fromMemory();
      throw error;
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
      if (options.fallbackEntries > 0)
        events.emit({ type: 'fallback', operation: 'get', reason: (error as Error).message });
      return this.#fromMemory();
    }
    if (!(error instanceof CommandError)) throw error;
    // While the slot is moved there is no lease that a deletion elsewhere could take: what is loaded is not stored.
    return this.#fromReader(isSplit(error) ? 'nowhere' : 'unleased');
  }
}

function known<T>(reading: Reading<T>): Known<T> | undefined {
  if (reading.kind === 'absent') return undefined;
  const { source, freshness } = reading;
  return {
    kind: 'known',
    value: (reading.kind === 'value' ? reading.value : undefined) as T,
    source,
    freshness,
  };
}
