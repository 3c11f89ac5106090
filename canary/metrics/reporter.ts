/**
 * Reports the counts of this process, generation by generation, and reads the share in the same batch.
 *
 * A flush consists of 3 to 11 commands (`bench/canary/assignment.ts` counts them), so a flush waits until there are
 * `minBatch` requests, but for at most `maxDelayMs`. With 120 requests and 10 s, a process sends at most 0.1 commands
 * per request if it handles more than 12 requests/s. A process with a lower rate sends at most 1.2 commands per second.
 */
import type { SupervisedConnection } from '../../client/types.ts';
import type { CanaryConfig } from '../../config/canary.ts';
import type { Arm } from '../assignment/assignment.ts';
import type { Control } from '../log/control.ts';
import type { Outcome } from './arm-counter.ts';
import { GenerationCounts, type Send } from './generation.ts';
import type { CanaryKeys } from './keys.ts';

/**
 * Maximum number of generations in memory: the current one, and the generations of requests that began before recent
 * changes to the share.
 */
const MAX_UNSENT = 8;
/**
 * Time, in ms, after which an older share is accepted. After a failover, Redis may return an older share until a judge
 * restores the log at its next look. If Redis still returns the older share after this time, the log is assumed to have
 * been restarted.
 */
const OLDER_ACCEPTED_AFTER_MS = 60_000;
/** Maximum duration of `close`, in ms, including the pauses between its flushes: a failover takes seconds. */
const CLOSE_BOUND_MS = 20_000;
const CLOSE_PAUSE_MS = 500;

export class Reporter {
  readonly #send: Send;
  readonly #keys: CanaryKeys;
  readonly #metrics: CanaryConfig['metrics'];
  readonly #now: () => number;
  readonly #processId = crypto.randomUUID();
  readonly #counts = new Map<number, GenerationCounts>();
  readonly #off: () => void;
  #control: Control | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #flushedAtMs: number;
  /** Whether the master changed. The new master may lack writes that the previous one acknowledged. */
  #moved = false;
  #commands = 0;
  /** Newest generation whose counts are no longer in memory. */
  #forgotten = 0;
  #olderSinceMs: number | undefined;

  constructor(
    connection: SupervisedConnection,
    keys: CanaryKeys,
    metrics: CanaryConfig['metrics'],
    now: () => number,
  ) {
    this.#send = (...command) => {
      this.#commands += 1;
      return connection.call(...command);
    };
    this.#keys = keys;
    this.#metrics = metrics;
    this.#now = now;
    this.#flushedAtMs = now();
    this.#off = connection.on(({ type }) => {
      if (type === 'moved' || type === 'ready') this.#moved = true;
    });
  }

  get control(): Control | undefined {
    return this.#control;
  }

  get commands(): number {
    return this.#commands;
  }

  record(arm: Arm, hash: number, generation: number, outcome: Outcome): void {
    this.#countsOf(generation)?.record(arm, hash, outcome);
  }

  /** Adopts a control record. A record older than the known one is adopted only if it persists. */
  accept(control: Control): void {
    if (this.#control === undefined || control.index >= this.#control.index) this.#olderSinceMs = undefined;
    else if (!this.#isStartedAgain()) return;
    this.#control = control;
    this.#counts.get(control.generation)?.enterWindow(control.window);
  }

  /**
   * Whether the stored log was restarted from scratch. This is assumed once Redis has been reporting an older log for a
   * long time. The counts of the log's generations then differ from those in memory.
   */
  #isStartedAgain(): boolean {
    this.#olderSinceMs ??= this.#now();
    if (this.#now() - this.#olderSinceMs < OLDER_ACCEPTED_AFTER_MS) return false;
    this.#olderSinceMs = undefined;
    this.#counts.clear();
    this.#forgotten = 0;
    return true;
  }

  async readControl(): Promise<void> {
    const text = (await this.#send('GET', this.#keys.control)) as string | null;
    if (text !== null) this.accept(JSON.parse(text) as Control);
  }

  async flushIfDue(): Promise<void> {
    const pending = [...this.#counts.values()].reduce((sum, counts) => sum + counts.pending, 0);
    const waitedMs = this.#now() - this.#flushedAtMs;
    const { minBatch, maxDelayMs } = this.#metrics;
    if (pending >= minBatch || waitedMs >= maxDelayMs || this.#moved) await this.flush();
  }

  /**
   * Sends the counts. Flushes run one after another, never at the same time.
   * @throws CacheError if a command failed; the next flush sends everything again
   */
  flush(): Promise<void> {
    return this.#queue(() => this.#flush(true));
  }

  /** Flushes until one master has acknowledged everything. @throws CacheError if the flush still fails after 20 s */
  async close(): Promise<void> {
    let failure: unknown;
    const endsAt = performance.now() + CLOSE_BOUND_MS;
    while (performance.now() < endsAt) {
      try {
        await this.#queue(() => this.#flush(false));
        if (!this.#isUnsent()) {
          this.#off();
          return;
        }
      } catch (error) {
        failure = error;
        await new Promise((resolve) => setTimeout(resolve, CLOSE_PAUSE_MS));
      }
    }
    throw (
      failure ??
      new Error('the counts of the canary were not acknowledged by one master: the master keeps changing')
    );
  }

  #isUnsent(): boolean {
    return this.#moved || [...this.#counts.values()].some((counts) => counts.hasUnsentUsers);
  }

  #queue(flush: () => Promise<void>): Promise<void> {
    const flushed = this.#flushing.then(flush);
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  async #flush(readsControl: boolean): Promise<void> {
    const force = this.#moved;
    this.#moved = false;
    this.#flushedAtMs = this.#now();
    const sent = [...this.#counts.values()]
      .filter((counts) => force || counts.pending > 0 || counts.hasUnsentUsers)
      .map((counts) => counts.flush(this.#send));
    const results = await Promise.allSettled([...sent, ...(readsControl ? [this.readControl()] : [])]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      this.#moved = true;
      throw failed.reason;
    }
    const ended = [...this.#counts.keys()].sort((a, b) => b - a).slice(MAX_UNSENT);
    for (const generation of ended) {
      this.#counts.delete(generation);
      this.#forgotten = Math.max(this.#forgotten, generation);
    }
  }

  #countsOf(generation: number): GenerationCounts | undefined {
    const known = this.#counts.get(generation);
    // New counts would overwrite the counts in Redis, so a request that belongs to a dropped generation is not counted.
    if (known !== undefined || this.#control === undefined || generation <= this.#forgotten) return known;
    const { window } = generation === this.#control.generation ? this.#control : { window: 1 };
    const { maxUsers } = this.#metrics;
    const counts = new GenerationCounts(
      this.#keys,
      { generation, window },
      { processId: this.#processId, maxUsers },
    );
    this.#counts.set(generation, counts);
    return counts;
  }
}
