/**
 * `getOrCompute`: decides which value is returned, and when the loader is called.
 *
 *   fetch ─▶ fresh ─────────▶ returned                    (`early`: and refreshed in the background)
 *         ├▶ stale ─────────▶ returned, and refreshed     (`revalidate`)
 *         │               └─▶ loaded; returned itself if the load fails or exceeds the soft timeout   (`grace`)
 *         └▶ absent, expired ─▶ loaded: with the lease, by the lease holder, or without a lease while Redis does not reply
 *
 * There is one load per key and process; the options of its first caller apply to all callers. The result of a load
 * does not override a set, deletion or clear that happens during the load. Left out: location of entries
 * (`attempt.ts`), leases (`lease.ts`).
 */
import { LoadTimeoutError } from '../api/errors.ts';
import type { Entry, LoadContext } from '../api/types.ts';
import type { ReadSource } from '../cache/reader.ts';
import { Backoff } from './backoff.ts';
import type { HeldByOther } from './lease-state.ts';
import { LoadRequests } from './load-context.ts';
import { type ComputeTerms, evaluateFreshness, type StorePolicy, storePolicyOf } from './policy.ts';
import type { Flight, SingleFlight } from './single-flight.ts';

/** Entry that was found; `value` is undefined if the entry means "no value". */
export interface Known<T> {
  readonly kind: 'known';
  readonly value: T;
  readonly source: ReadSource;
  readonly freshness: { readonly freshUntilMs: number; readonly loadMs: number } | undefined;
}
/**
 * Load that provides the value. `mine`: this load, with the lease. `held`: the load of another lease holder. `alone`:
 * this load, without a lease, because Redis does not reply. `refused`: this load, without a lease, because Redis
 * refuses the lease; the value is not stored.
 */
export type LeaseState = { readonly kind: 'mine' | 'alone' | 'refused' } | HeldByOther;
export type WaitResult<T> = Known<T> | { readonly kind: 'again' } | { readonly kind: 'failed' };

/** A load's access to the entry of its key. */
export interface Attempt<T> {
  fetch(): Promise<Known<T> | LeaseState>;
  /** Acquires the lease in order to replace an existing entry. */
  take(waits: boolean): Promise<LeaseState>;
  wait(held: HeldByOther, maxMs: number): Promise<WaitResult<T>>;
  /** Prepares the entry; called before the loader. */
  prepare(): Promise<void> | undefined;
  /**
   * Adds tags; called when the loader adds them. Resolves once their versions have been read.
   *
   * @throws ConfigurationError, SerializationError if a name is invalid
   */
  addTags(tags: readonly string[]): Promise<void>;
  store(value: T, policy: StorePolicy): Promise<void>;
  /** Releases the lease if this load holds it. */
  release(outcome: 'failed' | 'nothing' | 'again'): Promise<void>;
}

export interface Job<T> {
  readonly key: string;
  readonly load: (context: LoadContext) => Promise<T> | T;
  readonly terms: ComputeTerms;
  readonly ttlSeconds: number | null;
  readonly tags?: () => readonly string[];
  readonly attempt: () => Attempt<T>;
  /** Called when it is certain that the loader will not be called now; may be called more than once. */
  readonly passes?: () => void;
  /** Reports the state of a background refresh: it may call the loader (`pending`), or has ended (`settled`). */
  readonly refreshes?: (what: 'pending' | 'settled') => void;
}

export interface EngineHost {
  readonly singleFlight: SingleFlight;
  /** Unix time in ms, because freshness is compared between processes. */
  readonly now: () => number;
  /** Monotonic clock in ms, for timeouts and pauses. */
  readonly clock: () => number;
  readonly random: () => number;
  /** Counts a hit or a miss. */
  readonly counted: (hit: boolean, source: ReadSource | undefined) => void;
  readonly loading: () => void;
  /** Reports that a stale value is returned in place of a loaded one. */
  readonly stale: (key: string, reason: StaleReason) => void;
  /** Registers work that continues after the caller has received its value. */
  readonly later: (work: Promise<unknown>) => void;
}

export type StaleReason = 'revalidating' | 'slow' | 'failed' | 'resting';

export class Engine {
  readonly #host: EngineHost;
  readonly #backoff: Backoff;

  constructor(host: EngineHost) {
    this.#host = host;
    this.#backoff = new Backoff(host.clock);
  }

  compute<T>(job: Job<T>): Promise<Entry<T>> {
    let own = false;
    const result = this.#host.singleFlight.join<Entry<T>>(job.key, (flight) => {
      own = true;
      return this.#run(job, flight);
    });
    if (!own) job.passes?.();
    return result;
  }

  /** Runs a job. Not async: a hit needs only one promise, and each additional promise would delay the caller. */
  #run<T>(job: Job<T>, flight: Flight): Promise<Entry<T>> {
    const attempt = job.attempt();
    if (job.tags) flight.tags = job.tags;
    return attempt.fetch().then((found) => this.#answer(job, attempt, flight, found));
  }

  #answer<T>(
    job: Job<T>,
    attempt: Attempt<T>,
    flight: Flight,
    found: Known<T> | LeaseState,
  ): Entry<T> | Promise<Entry<T>> {
    if (found.kind !== 'known') {
      this.#host.counted(false, undefined);
      return this.#obtain(job, attempt, flight, found);
    }
    const freshness = this.#evaluate(found, job);
    const resting = freshness === 'grace' && this.#backoff.isResting(job.key);
    this.#host.counted(resting || (freshness !== 'grace' && freshness !== 'expired'), found.source);
    switch (freshness) {
      case 'fresh':
        return { value: found.value, source: found.source };
      case 'early':
        this.#refresh(job, attempt);
        return { value: found.value, source: found.source };
      case 'revalidate':
        this.#refresh(job, attempt);
        return this.#stale(job, found, 'revalidating');
      case 'grace':
        return resting ? this.#stale(job, found, 'resting') : this.#replace(job, attempt, found);
      case 'expired':
        return attempt.take(true).then((state) => this.#obtain(job, attempt, flight, state));
    }
  }

  /** Refreshes a value in the background, unless another load of the value is running. */
  #refresh<T>(job: Job<T>, attempt: Attempt<T>): void {
    const { singleFlight } = this.#host;
    if (singleFlight.isInBackground(job.key) || this.#backoff.isResting(job.key)) return;
    job.refreshes?.('pending');
    const work = singleFlight.background(job.key, async (flight) => {
      const state = await attempt.take(false);
      // A refresh is of no use if its value cannot be stored, so it is retried later.
      if (state.kind === 'refused') throw new Error('Redis refuses the lease');
      return state.kind === 'held' ? undefined : this.#load(job, attempt, flight);
    });
    const settled = (): void => job.refreshes?.('settled');
    work.then(settled, settled);
    this.#watch(job, work);
  }

  /** Returns a new value, or the stale value if the load fails or takes too long. */
  #replace<T>(job: Job<T>, attempt: Attempt<T>, known: Known<T>): Promise<Entry<T>> {
    const { singleFlight } = this.#host;
    const running = singleFlight.isInBackground(job.key);
    if (running && job.terms.softTimeoutMs !== undefined)
      return Promise.resolve(this.#stale(job, known, 'slow'));
    const work = singleFlight.background<Entry<T> | undefined>(job.key, async (flight) =>
      this.#obtain(job, attempt, flight, await attempt.take(true), true),
    );
    if (!running) this.#watch(job, work);
    const answer = work.then(
      (entry) => entry ?? this.#stale(job, known, 'revalidating'),
      () => this.#stale(job, known, 'failed'),
    );
    return this.#within(answer, job.terms.softTimeoutMs, () => this.#stale(job, known, 'slow'));
  }

  /** Records the outcome of a load whose result can be replaced by a stale value. */
  #watch<T>(job: Job<T>, work: Promise<unknown>): void {
    work.then(
      () => this.#backoff.succeeded(job.key),
      () => this.#backoff.failed(job.key, job.terms.backoffMs),
    );
  }

  /**
   * Loads the value, or waits for the load of the lease holder.
   *
   * @param replaceable whether a stale value exists; if so, a load that failed in another process is not repeated
   */
  async #obtain<T>(
    job: Job<T>,
    attempt: Attempt<T>,
    flight: Flight,
    first: Known<T> | LeaseState,
    replaceable = false,
  ): Promise<Entry<T>> {
    const { hardTimeoutMs } = job.terms;
    const endMs = hardTimeoutMs === undefined ? Number.POSITIVE_INFINITY : this.#host.clock() + hardTimeoutMs;
    let step: Known<T> | LeaseState | WaitResult<T> = first;
    let failed = false;
    for (;;) {
      switch (step.kind) {
        case 'known': {
          const freshness = this.#evaluate(step, job);
          if (freshness !== 'grace' && freshness !== 'expired')
            return { value: step.value, source: step.source };
          step = await attempt.take(true);
          break;
        }
        case 'held': {
          // After one failed load in another process, load without waiting for the next holder: at worst every process
          // loads once.
          if (failed) return this.#load(job, attempt, flight, endMs);
          const leftMs = endMs - this.#host.clock();
          if (leftMs <= 0) throw new LoadTimeoutError(job.key, hardTimeoutMs as number);
          job.passes?.();
          step = await attempt.wait(step, leftMs);
          break;
        }
        case 'failed':
          if (replaceable) throw new Error('the load failed in another process');
          failed = true;
          step = await attempt.fetch();
          break;
        case 'again':
          step = await attempt.fetch();
          break;
        case 'mine':
        case 'alone':
        case 'refused':
          return this.#load(job, attempt, flight, endMs);
      }
    }
  }

  async #load<T>(job: Job<T>, attempt: Attempt<T>, flight: Flight, endMs?: number): Promise<Entry<T>> {
    const { now, clock, random, later, loading } = this.#host;
    const startedMs = clock();
    if (job.tags) flight.tags = job.tags;
    const loadAbort = new AbortController();
    const requests = new LoadRequests(flight, this.#host.singleFlight, (tags) => attempt.addTags(tags));
    const { hardTimeoutMs } = job.terms;
    const allowedMs =
      endMs === undefined
        ? hardTimeoutMs
        : endMs === Number.POSITIVE_INFINITY
          ? undefined
          : endMs - startedMs;
    let value: T;
    try {
      await attempt.prepare();
      loading();
      const answer = Promise.resolve(job.load(requests.context(loadAbort.signal)));
      value = await this.#within(answer, allowedMs, () => {
        const error = new LoadTimeoutError(job.key, hardTimeoutMs as number);
        loadAbort.abort(error);
        throw error;
      });
    } catch (error) {
      later(attempt.release('failed'));
      throw error;
    } finally {
      requests.end();
    }
    const load = { endedMs: now(), tookMs: clock() - startedMs };
    const keep = (): Promise<void> => {
      const { isSkipped, ttlSeconds } = requests;
      const terms = { ...job.terms, ...(ttlSeconds !== undefined && { ownTtlSeconds: ttlSeconds }) };
      const isKept = !flight.invalidated && !isSkipped;
      const policy = isKept ? storePolicyOf(value, job.ttlSeconds, terms, load, random) : undefined;
      if (policy) return attempt.store(value, policy);
      return attempt.release(value === undefined && isKept ? 'nothing' : 'again');
    };
    later(requests.versions?.then(keep) ?? keep());
    return { value, source: 'loader' };
  }

  #evaluate<T>(known: Known<T>, job: Job<T>): ReturnType<typeof evaluateFreshness> {
    return known.freshness === undefined
      ? 'fresh'
      : evaluateFreshness(known.freshness, job.terms, this.#host.now(), this.#host.random);
  }

  #stale<T>(job: Job<T>, known: Known<T>, reason: StaleReason): Entry<T> {
    this.#host.stale(job.key, reason);
    return { value: known.value, source: known.source, stale: true };
  }

  /** Returns the outcome of the promise, or `instead` after `ms`. */
  #within<R>(promise: Promise<R>, ms: number | undefined, instead: () => R): Promise<R> {
    if (ms === undefined) return promise;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          try {
            resolve(instead());
          } catch (error) {
            reject(error);
          }
        },
        Math.max(0, ms),
      );
      promise.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
