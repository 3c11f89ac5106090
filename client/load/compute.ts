/** `getOrCompute` and `getOrComputeMany` of a cache: connects the engine to the cache. */

import { CommandError, isConnectivityError } from '../api/errors.ts';
import type { ComputeCallOptions, Entry, Load } from '../api/types.ts';
import { BATCH_KEYS, inBatches } from '../cache/batches.ts';
import type { CacheContext } from '../cache/cache-context.ts';
import { resolveTtl } from '../cache/options.ts';
import { isFresh, type Reader, type Reading } from '../cache/reader.ts';
import type { Writer } from '../cache/writer.ts';
import { assertFewTags } from '../codec/envelope.ts';
import { isPlaceholder } from '../codec/placeholder.ts';
import { now } from '../transport/timing.ts';
import { type AttemptContext, CacheAttempt, type ReadBefore, withDeadline } from './attempt.ts';
import { Batch, type LoadMany } from './batch.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { Engine, type Job } from './engine.ts';
import { Leases } from './lease.ts';
import { resolveTerms } from './options.ts';

export interface ComputeParts {
  readonly context: CacheContext;
  readonly reader: Reader;
  readonly writer: Writer;
  readonly later: (work: Promise<unknown>) => void;
}

const NO_OPTIONS = {};

export class Compute {
  readonly #context: CacheContext;
  readonly #reader: Reader;
  readonly #attemptContext: AttemptContext;
  readonly #engine: Engine;

  constructor({ context, reader, writer, later }: ComputeParts) {
    const { options, remote, singleFlight, statistics, events } = context;
    const { leaseMs } = options.compute;
    const leases =
      remote && leaseMs > 0 ? new Leases(remote, { namespace: options.namespace, leaseMs }) : undefined;
    this.#context = context;
    this.#reader = reader;
    this.#attemptContext = { context, reader, writer, leases, deadlines: new DeadlineTimer() };
    this.#engine = new Engine({
      singleFlight,
      later,
      now: Date.now,
      clock: now,
      random: Math.random,
      counted: (hit, source) => {
        if (hit) statistics.hits += 1;
        else statistics.misses += 1;
        if (hit && source === 'l1') statistics.localHits += 1;
      },
      loading: () => {
        statistics.loads += 1;
      },
      stale: (key, reason) => {
        statistics.stale += 1;
        events.emit({ type: 'stale', key, reason });
      },
    });
  }

  /** Returns the value synchronously if the first tier has it. */
  hit<T>(key: string, options: ComputeCallOptions<T> = NO_OPTIONS): { readonly value: T } | undefined {
    if (!this.#context.local) return undefined;
    const early = options.earlyRefresh ?? this.#context.options.compute.terms.earlyRefresh;
    return early === 0 ? this.#reader.hit(key, options) : undefined;
  }

  entry<T>(key: string, load: Load<T>, options: ComputeCallOptions<T> = NO_OPTIONS): Promise<Entry<T>> {
    return this.#engine.compute(this.#job(key, load, options, undefined));
  }

  async many<T>(
    keys: readonly string[],
    load: LoadMany<T>,
    options: ComputeCallOptions<T> = NO_OPTIONS,
  ): Promise<ReadonlyMap<string, T>> {
    const asked = [...new Set(keys)];
    if (asked.length <= BATCH_KEYS) return this.#many(asked, load, options);
    const found = new Map<string, T>();
    await inBatches(
      asked,
      (batch) => this.#many(batch, load, options),
      (values) => {
        for (const [key, value] of values) found.set(key, value);
      },
    );
    return found;
  }

  async #many<T>(
    asked: readonly string[],
    load: LoadMany<T>,
    options: ComputeCallOptions<T>,
  ): Promise<ReadonlyMap<string, T>> {
    const found = new Map<string, T>();
    const rest = new Map<string, ReadBefore>();
    const readings = await this.#readMany(asked, options);
    for (const [i, key] of asked.entries()) {
      const reading = readings === 'refused' ? 'refused' : readings?.[i];
      if (reading === 'refused') rest.set(key, undefined);
      else if (reading === undefined || reading.source === 'memory') rest.set(key, 'away');
      else if (reading.kind === 'absent') rest.set(key, reading.outdated ? undefined : 'missed');
      else if (isPlaceholder(reading.freshness)) rest.set(key, 'missed');
      else if (!isFresh(reading.freshness)) rest.set(key, undefined);
      else {
        this.#context.statistics.hits += 1;
        if (reading.source === 'l1') this.#context.statistics.localHits += 1;
        if (reading.kind === 'value') found.set(key, reading.value);
      }
    }
    const batch = new Batch([...rest.keys()], load);
    await Promise.all(
      [...rest].map(async ([key, before]) => {
        const job = this.#job<T>(key, (context) => batch.load(key, context), options, before);
        const pass = (): void => batch.pass(key);
        const refreshes = (what: 'pending' | 'settled'): void =>
          what === 'pending' ? batch.defer(key) : batch.settle(key);
        const { value } = await this.#engine.compute({ ...job, passes: pass, refreshes }).finally(pass);
        if (value !== undefined) found.set(key, value);
      }),
    );
    return new Map(asked.flatMap((key) => (found.has(key) ? [[key, found.get(key) as T] as const] : [])));
  }

  close(): void {
    this.#context.singleFlight.invalidateAll();
    this.#attemptContext.leases?.close();
    this.#attemptContext.deadlines.stop();
  }

  /**
   * Reads several keys at once. Returns undefined if Redis does not reply, and `refused` if it refuses the command, in
   * which case each key is read separately.
   */
  #readMany<T>(
    keys: readonly string[],
    options: ComputeCallOptions<T>,
  ): Promise<readonly Reading<T>[] | 'refused' | undefined> {
    const answer = this.#reader.readMany(keys, options).catch((error: unknown) => {
      const isAway = isConnectivityError(error);
      if (!isAway && !(error instanceof CommandError)) throw error;
      this.#context.refusals.note('getOrComputeMany', 'read', error);
      return isAway ? undefined : 'refused';
    });
    return withDeadline<readonly Reading<T>[] | 'refused' | undefined>(
      this.#attemptContext,
      answer,
      () => undefined,
      () => {},
    );
  }

  #job<T>(key: string, load: Load<T>, options: ComputeCallOptions<T>, before: ReadBefore): Job<T> {
    const { options: defaults } = this.#context;
    const physical = this.#context.physical(key);
    const { terms } = defaults.compute;
    // Invalid names are refused here, rather than later when another caller invalidates tags. If there are too many
    // tags, they are refused before the value is stored.
    if (options.tags) assertFewTags(this.#context.tags.namesOf(key, options.tags));
    return {
      key: physical,
      load,
      terms: options === NO_OPTIONS ? terms : resolveTerms(options, terms),
      ttlSeconds: resolveTtl('ttlSeconds', options.ttlSeconds, defaults.defaultTtlSeconds),
      tags: () => this.#context.tags.namesOf(key, options.tags),
      attempt: () => new CacheAttempt<T>(this.#attemptContext, key, physical, options, before),
    };
  }
}
