/**
 * Keys whose old value must not come back: deletions, and invalidations of tags, which are deletions of tag keys.
 *
 *   acknowledged ─▶ recent (kept for `windowMs`) ──the master was replaced──▶ pending ─▶ replayed, forgotten
 *   failed (Redis is away, or the outcome is unknown) ─────────────────────────▲
 *
 * A master that is deposed may have acknowledged what its successor never heard of; what it acknowledged in its last `windowMs`
 * is deleted again at the successor. The window stops while the connection is in doubt: a master that hung for a minute
 * acknowledged its last deletion a minute ago.
 *
 * The bound: replay begins with the connection's `ready` or an answer of Redis, and is tried each 250 ms besides, 500 keys a
 * command. A key is pending until then, and this process must not believe what Redis has under it (`isPending`). Beyond
 * `pendingMax` keys a deletion fails with a typed error instead of being forgotten. A replay may delete a newer value: in a
 * cache that is a miss; a value that replicas confirmed is taken out with `supersede`.
 *
 * Left out: what was pending in a process that died; its entries live until their TTL.
 */
import { NotSentError, OutcomeUnknownError } from '../errors.ts';
import type { ConnectionEvent } from '../types.ts';

const WINDOW_MS = 10_000;
const PENDING_MAX = 10_000;
const RECENT_MAX = 100_000;
const BATCH = 500;
const RETRY_MS = 250;

export interface JournalOptions {
  /** Deletes the keys in Redis; resolves when Redis has answered. */
  readonly unlink: (keys: readonly string[]) => Promise<unknown>;
  /** False: the key's shard is away, and its deletion waits without holding up the others. */
  readonly reachable?: (key: string) => boolean;
  /** For how long an acknowledged deletion may be lost in a failover; more than the replication lag. Default 10000. */
  readonly windowMs?: number;
  /** Keys that may await their replay; default 10000. */
  readonly pendingMax?: number;
  /** Acknowledged keys that are remembered within the window, the newest; default 100000. */
  readonly recentMax?: number;
  /** A key was replayed, or everything that was pending is done. */
  readonly settled?: (key: string | undefined) => void;
  readonly now?: () => number;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #now: () => number;
  readonly #windowMs: number;
  readonly #pendingMax: number;
  readonly #recentMax: number;
  /** With the number of their last change, so that a replay does not settle a later one. */
  readonly #pending = new Map<string, number>();
  /** With the time of the acknowledgement, oldest first. */
  readonly #recent = new Map<string, number>();
  #changes = 0;
  /** Since when the connection has been in doubt. */
  #doubtSince: number | undefined;
  /** All that is pending is out of reach: not looked through again with every answer. */
  #notBefore = 0;
  #running = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  /** Acknowledged keys that were pushed out of a full window: they would not be replayed. */
  dropped = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#windowMs = options.windowMs ?? WINDOW_MS;
    this.#pendingMax = options.pendingMax ?? PENDING_MAX;
    this.#recentMax = options.recentMax ?? RECENT_MAX;
  }

  /** Redis may have an older state for the key than this process knows of. */
  isPending(key: string): boolean {
    return this.#pending.size > 0 && this.#pending.has(key);
  }

  get pending(): number {
    return this.#pending.size;
  }

  get recent(): number {
    return this.#recent.size;
  }

  /** To be called with each event of the connection, before anything else hears of it. */
  noticed(event: ConnectionEvent): void {
    if (event.type === 'lost' || event.type === 'suspect') this.#doubtSince ??= this.#now();
    else if (event.type === 'moved') this.#moved();
    else if (event.type === 'ready') {
      this.#doubtSince = undefined;
      this.#notBefore = 0;
      this.recover();
    }
  }

  /** The master has deleted them. */
  acknowledged(keys: readonly string[]): void {
    const at = this.#now();
    for (const key of keys) {
      this.#pending.delete(key);
      this.#recent.delete(key);
      this.#recent.set(key, at);
    }
    const oldest = (this.#doubtSince ?? at) - this.#windowMs;
    for (const [key, acknowledgedAt] of this.#recent) {
      const late = acknowledgedAt < oldest;
      if (!late && this.#recent.size <= this.#recentMax) return;
      if (!late) this.dropped += 1;
      this.#recent.delete(key);
    }
  }

  /**
   * They could not be deleted, or nobody knows whether they were.
   *
   * @throws NotSentError too many await it already
   * @throws OutcomeUnknownError nobody will replay them
   */
  failed(keys: readonly string[]): void {
    if (this.#closed) throw new OutcomeUnknownError('The cache was closed before Redis answered');
    const fresh = keys.filter((key) => !this.#pending.has(key));
    if (this.#pending.size + fresh.length > this.#pendingMax)
      throw new NotSentError(`Redis is away and ${this.#pendingMax} keys await their deletion already`);
    for (const key of keys) this.restore(key);
  }

  /** As `failed`; false where it would throw. */
  tryFailed(key: string): boolean {
    if (this.#closed || (this.#pending.size >= this.#pendingMax && !this.#pending.has(key))) return false;
    this.restore(key);
    return true;
  }

  /** As `failed`, never refused: for a key that was pending a moment ago. */
  restore(key: string): void {
    this.#changes += 1;
    this.#pending.set(key, this.#changes);
    this.#recoverSoon();
  }

  /** A newer value is on its way to Redis: nothing is pending for the key unless that fails (`restore`). */
  forget(key: string): void {
    this.#pending.delete(key);
  }

  /** A newer value is in Redis and survives a failover. */
  supersede(key: string): void {
    this.#pending.delete(key);
    this.#recent.delete(key);
  }

  /** Redis answers again. Safe to call at any time. */
  recover(): void {
    if (this.#running || this.#closed || this.#pending.size === 0 || this.#now() < this.#notBefore) return;
    this.#running = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#replay()
      // What Redis did not take is pending still, and asked for again.
      .catch(() => {})
      .finally(() => {
        this.#running = false;
        if (this.#pending.size > 0) this.#recoverSoon();
      });
  }

  /** A connection that was never lost says no `ready`, and an answer may not come: who asks for what is pending asks not Redis. */
  #recoverSoon(): void {
    if (this.#running || this.#closed || this.#retry) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.recover();
      if (!this.#running && this.#pending.size > 0) this.#recoverSoon();
    }, RETRY_MS);
    this.#retry.unref();
  }

  /** @returns how many were never replayed */
  close(): number {
    this.#closed = true;
    clearTimeout(this.#retry);
    return this.#pending.size;
  }

  /** Another master: what the former one acknowledged lately, it may not know of. */
  #moved(): void {
    const oldest = (this.#doubtSince ?? this.#now()) - this.#windowMs;
    for (const [key, at] of this.#recent) if (at >= oldest) this.restore(key);
    this.#recent.clear();
  }

  #batch(): readonly (readonly [key: string, change: number])[] {
    const { reachable = () => true } = this.#options;
    const batch: [string, number][] = [];
    for (const [key, change] of this.#pending) {
      if (batch.length === BATCH) break;
      if (reachable(key)) batch.push([key, change]);
    }
    return batch;
  }

  async #replay(): Promise<void> {
    while (this.#pending.size > 0 && !this.#closed) {
      const batch = this.#batch();
      if (batch.length === 0) {
        this.#notBefore = this.#now() + RETRY_MS;
        throw new NotSentError('the shards of all that is pending are away');
      }
      const keys = batch.map(([key]) => key);
      await this.#options.unlink(keys);
      const settled = batch.filter(([key, change]) => this.#pending.get(key) === change).map(([key]) => key);
      // The successor may be succeeded in its turn.
      this.acknowledged(settled);
      for (const key of settled) this.#options.settled?.(key);
    }
    this.#options.settled?.(undefined);
  }
}
