/**
 * Write-behind: the cache stores a change at once; the sink receives it later, in batches, with only the last change
 * per key.
 *
 *   set ─▶ queue (bounded) ─▶ cache ─▶ released ─▶ batch ─▶ sink.store ─fails─▶ retried with backoff ─▶ lost
 *
 * Guarantees: an acknowledged change reaches the sink within `maxDelayMs` as long as the sink works. A sink that fails
 * is called up to `attempts` times. A change that is lost after the last attempt, or at the end of `close`, is counted,
 * reported by key, and removed from the cache, so that the cache does not return a value that the source will never
 * have. The queue is in memory, so a crash loses up to `maxDelayMs` of changes. Not covered: the order between keys.
 *
 * @module write-behind
 */

import { ClosedError, TimeoutError } from '../../api/errors.ts';
import { Emitter } from '../../api/events.ts';
import type { Cache, ComputeCallOptions, WriteReceipt } from '../../api/types.ts';
import { assertCache, assertMethods } from '../../options/arguments.ts';
import { CALL_OPTIONS } from '../../options/cache-option-names.ts';
import { allNames, assertOptions, optionNames } from '../../options/option-names.ts';
import { checkInteger } from '../../options/option-values.ts';
import { delay, jittered } from '../../transport/timing.ts';
import { ChangeQueue } from './queue.ts';
import { Snapshot } from './snapshot.ts';
import type { Change, Sink, Source } from './source.ts';

export type { Change, Sink, Source } from './source.ts';

/** Limits on delays, the queue and retries. */
export interface WriteBehindOptions<T> extends ComputeCallOptions<T> {
  /** Maximum time, in ms, that a change waits before it is sent; default 1000. */
  readonly maxDelayMs?: number;
  /**
   * Maximum number of changes per batch, and number of waiting changes at which a batch is sent at once; default 100.
   */
  readonly batchSize?: number;
  /** Maximum number of waiting keys, above which `set` and `delete` throw `QueueFullError`; default 10000. */
  readonly queueMax?: number;
  /**
   * Maximum size in bytes of the encoded values in the queue, 1 to 10^12, above which `set` throws `QueueFullError`;
   * default 67108864 (64 MiB).
   */
  readonly queueBytes?: number;
  /** Maximum number of attempts per batch; default 5. */
  readonly attempts?: number;
  /** Delay before the second attempt, in ms; doubles with each attempt, with jitter, up to 30 s; default 100. */
  readonly backoffMs?: number;
  /** Timeout for the sink, in ms; default 10000. */
  readonly storeTimeoutMs?: number;
  /** Timeout for `close`, in ms; changes that are still waiting when it expires are lost; default 10000. */
  readonly closeTimeoutMs?: number;
}

/** Counters of changes since the store was opened. */
export interface WriteBehindStatistics {
  /** Number of keys that are waiting now. */
  readonly queued: number;
  /** Number of changes that the sink has stored. */
  readonly stored: number;
  /**
   * Number of changes that were replaced by a later change to the same key before they were sent. The sum of
   * `coalesced`, `stored`, `lost` and `queued` is the number of acknowledged changes.
   */
  readonly coalesced: number;
  /** Number of batches that were sent again. */
  readonly retries: number;
  /** Number of lost changes; the `lost` event contains their keys. */
  readonly lost: number;
  /** Number of changes refused because the queue was full. */
  readonly refused: number;
}

/** Outcome of a batch. `ms`: duration of the call to the sink. */
export type WriteBehindEvent =
  | { readonly type: 'stored'; readonly changes: number; readonly ms: number }
  | { readonly type: 'retry'; readonly changes: number; readonly attempt: number; readonly reason: string }
  | { readonly type: 'lost'; readonly keys: readonly string[]; readonly reason: string };

/** Store that writes changes to the cache at once, and to the sink later, in batches. */
export interface WriteBehindStore<T> {
  /** Returns a copy of a waiting value, otherwise the cached value, otherwise the value from the source. */
  get(key: string): Promise<T | undefined>;
  /** Writes to the cache now, and to the sink within `maxDelayMs`. @throws QueueFullError */
  set(key: string, value: T): Promise<WriteReceipt>;
  /** Deletes from the cache now, and from the sink within `maxDelayMs`. @throws QueueFullError */
  delete(key: string): Promise<void>;
  /** Sends the waiting changes. Resolves when they are stored or lost. */
  flush(): Promise<void>;
  /** Returns the counters since the store was opened. */
  stats(): WriteBehindStatistics;
  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: WriteBehindEvent) => void): () => void;
  /** Refuses new changes and sends the waiting ones. Does not close the cache. */
  close(): Promise<WriteBehindStatistics>;
}

type OwnOptions = Omit<WriteBehindOptions<unknown>, keyof ComputeCallOptions<unknown>>;
const WRITE_BEHIND = allNames(
  CALL_OPTIONS,
  optionNames<OwnOptions>({
    maxDelayMs: true,
    batchSize: true,
    queueMax: true,
    queueBytes: true,
    attempts: true,
    backoffMs: true,
    storeTimeoutMs: true,
    closeTimeoutMs: true,
  }),
);

type Changes<T> = readonly Change<Snapshot<T>>[];

const BACKOFF_MAX_MS = 30_000;

/** Opens a write-behind store on top of a cache and a source. */
export function writeBehind<T>(
  cache: Cache,
  source: Source<T> & Sink<T>,
  options: WriteBehindOptions<T> = {},
): WriteBehindStore<T> {
  assertCache(cache);
  assertMethods('source', source, ['load', 'store'], 'a source with the methods load and store');
  return new WriteBehind(cache, source, options);
}

class WriteBehind<T> implements WriteBehindStore<T> {
  readonly #cache: Cache;
  readonly #source: Source<T> & Sink<T>;
  readonly #access: ComputeCallOptions<T>;
  readonly #limits: ReturnType<typeof limitsOf>;
  readonly #queue: ChangeQueue<Snapshot<T>>;
  readonly #events = new Emitter<WriteBehindEvent>();
  readonly #counts = { stored: 0, retries: 0, lost: 0, refused: 0 };
  /** Changes that have been passed to the sink but are not confirmed yet. */
  readonly #sending = new Map<string, Change<Snapshot<T>>>();
  /** Cache writes in progress, one per change that the cache is still storing. */
  readonly #applying = new Set<Promise<unknown>>();
  readonly #ended = new AbortController();
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #closing: Promise<WriteBehindStatistics> | undefined;

  constructor(cache: Cache, source: Source<T> & Sink<T>, options: WriteBehindOptions<T>) {
    assertOptions('', options, WRITE_BEHIND);
    this.#cache = cache;
    this.#source = source;
    this.#limits = limitsOf(options);
    this.#queue = new ChangeQueue(this.#limits.queueMax, {
      maxBytes: this.#limits.queueBytes,
      bytesOf: (change) => change.key.length + (change.kind === 'set' ? change.value.bytes : 0),
    });
    const {
      maxDelayMs,
      batchSize,
      queueMax,
      queueBytes,
      attempts,
      backoffMs,
      storeTimeoutMs,
      closeTimeoutMs,
      ...access
    } = options;
    this.#access = access;
  }

  async get(key: string): Promise<T | undefined> {
    const waiting = this.#queue.find(key) ?? this.#sending.get(key);
    if (waiting) return waiting.kind === 'set' ? waiting.value.copy() : undefined;
    return this.#cache.getOrCompute<T | undefined>(
      key,
      (context) => this.#source.load(key, context),
      this.#access as object,
    );
  }

  async set(key: string, value: T): Promise<WriteReceipt> {
    const change = { kind: 'set', key, value: new Snapshot(value), sequence: ++this.#sequence } as const;
    return this.#change(change, () => this.#cache.set(key, value, this.#access));
  }

  async delete(key: string): Promise<void> {
    await this.#change({ kind: 'remove', key, sequence: ++this.#sequence }, () => this.#cache.delete(key));
  }

  stats(): WriteBehindStatistics {
    return {
      queued: this.#queue.size + this.#sending.size,
      coalesced: this.#queue.coalesced,
      ...this.#counts,
    };
  }

  on(listener: (event: WriteBehindEvent) => void): () => void {
    return this.#events.on(listener);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing ??= this.#sendAll().finally(() => {
      this.#flushing = undefined;
      if (this.#queue.size > 0) this.#schedule();
    });
    return this.#flushing;
  }

  close(): Promise<WriteBehindStatistics> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<WriteBehindStatistics> {
    const deadline = setTimeout(() => this.#ended.abort(), this.#limits.closeTimeoutMs);
    // Changes that the cache is storing at this moment will be acknowledged, so they must be sent as well.
    await Promise.race([
      Promise.allSettled(this.#applying),
      delay(this.#limits.closeTimeoutMs, this.#ended.signal),
    ]);
    // Called twice, because a flush that is already running may have begun before the last changes were added.
    await this.flush();
    await this.flush();
    clearTimeout(deadline);
    this.#ended.abort();
    clearTimeout(this.#timer);
    await this.#lose(this.#queue.drain(), new TimeoutError('closed before the change was stored'));
    return this.stats();
  }

  async #change<R>(change: Change<Snapshot<T>>, apply: () => Promise<R>): Promise<R> {
    if (this.#closing) throw new ClosedError('The write-behind store is closed');
    try {
      this.#queue.add(change);
    } catch (error) {
      this.#counts.refused += 1;
      throw error;
    }
    const applied = apply();
    this.#applying.add(applied);
    try {
      const result = await applied;
      this.#queue.release(change);
      this.#schedule();
      return result;
    } catch (error) {
      this.#queue.withdraw(change);
      throw error;
    } finally {
      this.#applying.delete(applied);
    }
  }

  #schedule(): void {
    if (this.#flushing || this.#ended.signal.aborted) return;
    if (this.#queue.size >= this.#limits.batchSize) void this.flush();
    // The timer keeps the process alive, because changes are waiting.
    else this.#timer ??= setTimeout(() => void this.flush(), this.#limits.maxDelayMs);
  }

  async #sendAll(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const batch = this.#queue.take(this.#limits.batchSize);
      if (batch.length === 0) return;
      for (const change of batch) this.#sending.set(change.key, change);
      await this.#send(batch);
      for (const { key } of batch) this.#sending.delete(key);
    }
  }

  async #send(batch: Changes<T>): Promise<void> {
    const { attempts } = this.#limits;
    for (let attempt = 1; ; attempt++) {
      const error = await this.#store(batch);
      if (!error) return this.#removed(batch);
      if (this.#ended.signal.aborted || attempt >= attempts) return this.#oneByOne(batch, error);
      this.#counts.retries += 1;
      this.#events.emit({ type: 'retry', changes: batch.length, attempt, reason: error.message });
      await delay(this.#backoffMs(attempt), this.#ended.signal);
    }
  }

  /** Sends the changes of a batch one by one, so that only the changes that the sink refuses are lost. */
  async #oneByOne(batch: Changes<T>, error: Error): Promise<void> {
    if (batch.length === 1 || this.#ended.signal.aborted) return this.#lose(batch, error);
    for (const change of batch) {
      const own = this.#ended.signal.aborted ? error : await this.#store([change]);
      if (own) await this.#lose([change], own);
      else await this.#removed([change]);
    }
  }

  /**
   * Deletes the keys from the cache a second time after the sink has removed them, because another process may have
   * loaded the old value before the sink removed it.
   */
  async #removed(batch: Changes<T>): Promise<void> {
    const keys = batch.filter(({ kind, key }) => kind === 'remove' && !this.#queue.find(key));
    if (keys.length > 0) await this.#cache.delete(keys.map(({ key }) => key)).catch(() => {});
  }

  async #store(batch: Changes<T>): Promise<Error | undefined> {
    const startedAt = performance.now();
    const limit = new AbortController();
    const signal = AbortSignal.any([limit.signal, this.#ended.signal]);
    try {
      const late = delay(this.#limits.storeTimeoutMs, signal).then(() => {
        throw new TimeoutError('The sink did not reply in time');
      });
      late.catch(() => {});
      await Promise.race([this.#source.store(batch.map(changeOf)), late]);
      this.#counts.stored += batch.length;
      const ms = performance.now() - startedAt;
      this.#events.emit({ type: 'stored', changes: batch.length, ms });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      limit.abort();
    }
  }

  async #lose(changes: Changes<T>, error: Error): Promise<void> {
    if (changes.length === 0) return;
    this.#counts.lost += changes.length;
    const keys = changes.map(({ key }) => key);
    this.#events.emit({ type: 'lost', keys, reason: error.message });
    // If a later change to the same key is queued, the entry in the cache belongs to that change and is kept.
    const outdated = keys.filter((key) => !this.#queue.find(key));
    if (outdated.length > 0) await this.#cache.delete(outdated).catch(() => {});
  }

  #backoffMs(attempt: number): number {
    return jittered(Math.min(BACKOFF_MAX_MS, this.#limits.backoffMs * 2 ** (attempt - 1)));
  }
}

/** Returns a change with a separate copy of its value for the sink. */
function changeOf<T>(change: Change<Snapshot<T>>): Change<T> {
  return change.kind === 'set' ? { ...change, value: change.value.copy() } : change;
}

function limitsOf<T>(options: WriteBehindOptions<T>) {
  const whole = (name: keyof WriteBehindOptions<T>, fallback: number, max: number): number =>
    checkInteger(name, options[name], fallback, 1, max);
  return {
    maxDelayMs: whole('maxDelayMs', 1000, 3_600_000),
    batchSize: whole('batchSize', 100, 100_000),
    queueMax: whole('queueMax', 10_000, 10_000_000),
    queueBytes: whole('queueBytes', 64 * 1024 * 1024, 1_000_000_000_000),
    attempts: whole('attempts', 5, 1000),
    backoffMs: whole('backoffMs', 100, BACKOFF_MAX_MS),
    storeTimeoutMs: whole('storeTimeoutMs', 10_000, 3_600_000),
    closeTimeoutMs: whole('closeTimeoutMs', 10_000, 3_600_000),
  };
}
