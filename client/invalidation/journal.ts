/**
 * Journal of the keys whose old value must not return: deleted keys, and the keys of invalidated tags.
 *
 *   acknowledged ─▶ recent (kept for `windowMs`) ──the master was replaced──▶ pending ─▶ replayed, forgotten
 *   failed (Redis is unreachable, or the outcome is unknown) ──────────────────▲
 *
 * A deposed master may have acknowledged deletions that its successor never received. The deletions that it
 * acknowledged in its last `windowMs` are repeated on the successor. The window does not advance while the connection
 * is suspect: after a master has hung for a minute, its last acknowledged deletion is a minute old, but must still be
 * repeated. A pool and a cluster have several connections, each of which covers its own keys.
 *
 * Bounds: replay starts when the connection emits `ready` or Redis replies, and is retried every 250 ms, with 500 keys
 * per command. A key is pending until it has been replayed, and this process must not use its value in Redis
 * (`isPending`). Beyond `pendingMax` keys, a deletion fails with a typed error instead of being dropped silently. A
 * replay may delete a newer value that Redis accepted as an `async` write, which causes a miss. A replay never deletes
 * a durable value: `hold`, then `supersede`.
 *
 * A reply that arrives after a replay may have been requested before the replay. A read therefore records `ends` before
 * it is sent, and uses its reply only if the key has not been pending at any time since (`wasPending`).
 *
 * A write has a place in the order of this process (`write-order.ts`), and settles only earlier deletions.
 *
 * Left out: pending deletions of a process that died. The entries live until their TTL expires.
 */

import { NotSentError, OutcomeUnknownError } from '../api/errors.ts';
import type { ConnectionEvent } from '../api/types.ts';
import { WriteOrder } from '../cache/write-order.ts';
import type { ConnectionPart } from '../transport/part.ts';

const WINDOW_MS = 10_000;
const PENDING_MAX = 10_000;
const RECENT_MAX = 100_000;
const BATCH = 500;
const RETRY_MS = 250;
/** Maximum number of entries kept in `#ended`. The reply to a read that began before the oldest of them is not used. */
const ENDED_MAX = PENDING_MAX;

export interface JournalOptions {
  /** Deletes the keys in Redis; resolves when Redis has replied. */
  readonly unlink: (keys: readonly string[]) => Promise<unknown>;
  /**
   * Returns false if the shard of the key is unreachable. The deletion of such a key waits without delaying the others.
   */
  readonly reachable?: (key: string) => boolean;
  /**
   * Time, in ms, during which an acknowledged deletion may be lost through a failover; longer than the replication lag.
   * Default 10000.
   */
  readonly windowMs?: number;
  /** Maximum number of pending keys; default 10000. */
  readonly pendingMax?: number;
  /** Maximum number of acknowledged keys in the window; the newest are kept. Default 100000. */
  readonly recentMax?: number;
  /** Called when a key has been replayed, or when nothing is pending any more. */
  readonly settled?: (key: string | undefined) => void;
  readonly now?: () => number;
}

interface Pending {
  /** Sequence number of the last change. A replay that began earlier does not settle this change. */
  readonly change: number;
  /** Position of the write that deleted the key. */
  readonly place: number;
}

interface Recent {
  readonly at: number;
  readonly place: number;
}

/** Connection part that covers every key, for tests with a single connection. */
const WHOLE: ConnectionPart = { covers: () => true };

export class Journal {
  readonly order = new WriteOrder();
  readonly #options: JournalOptions;
  readonly #now: () => number;
  readonly #windowMs: number;
  readonly #pendingMax: number;
  readonly #recentMax: number;
  readonly #pending = new Map<string, Pending>();
  /** Keys that are no longer pending, with the value of `ends` at that time; oldest first. */
  readonly #ended = new Map<string, number>();
  #ends = 0;
  /** `ends` of the newest key that was dropped from `#ended`. */
  #endsDropped = 0;
  /** Acknowledged keys, oldest first. */
  readonly #recent = new Map<string, Recent>();
  /**
   * Pending keys that durable writes are replacing, with the number of these writes. Such keys are not replayed until
   * the writes have ended.
   */
  readonly #held = new Map<string, number>();
  /** Time at which each part of the connection became suspect. */
  readonly #doubts = new Map<ConnectionPart, number>();
  /** Keys that are being replayed, with the promise of the replay. */
  #replaying: { readonly keys: ReadonlySet<string>; readonly done: Promise<unknown> } | undefined;
  /** Earliest time of the next scan while all pending keys are unreachable. Prevents a scan on every reply. */
  #notBefore = 0;
  #running = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  /**
   * Number of acknowledged keys that were dropped because the window was full. They will not be replayed after a
   * failover.
   */
  dropped = 0;
  /** Number of replayed keys. */
  replayed = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#windowMs = options.windowMs ?? WINDOW_MS;
    this.#pendingMax = options.pendingMax ?? PENDING_MAX;
    this.#recentMax = options.recentMax ?? RECENT_MAX;
  }

  /** Whether Redis may have an older state of the key than this process. */
  isPending(key: string): boolean {
    return this.#pending.size > 0 && this.#pending.has(key);
  }

  /** Number of keys that have stopped being pending so far. A read records this number before it is sent. */
  get ends(): number {
    return this.#ends;
  }

  /**
   * Whether the key was pending at any time since `ends` was recorded. If so, the reply may be older than the deletion.
   */
  wasPending(key: string, ends: number): boolean {
    if (this.isPending(key)) return true;
    return this.#ends > ends && (ends < this.#endsDropped || (this.#ended.get(key) ?? 0) > ends);
  }

  get pending(): number {
    return this.#pending.size;
  }

  get recent(): number {
    return this.#recent.size;
  }

  /** Handles an event from one part of the connection. Must be called with each event, before any other listener. */
  noticed(event: ConnectionEvent, part: ConnectionPart = WHOLE): void {
    switch (event.type) {
      case 'lost':
      case 'suspect':
        if (!this.#doubts.has(part)) this.#doubts.set(part, this.#now());
        return;
      case 'moved':
        this.#moved(part);
        return;
      case 'ready':
        this.#doubts.delete(part);
        this.#notBefore = 0;
        this.recover();
        return;
      case 'closed':
        this.#doubts.delete(part);
    }
  }

  /**
   * Records that the master has deleted the keys.
   *
   * @param place position of the deletion in `order`; default: the last
   */
  acknowledged(keys: readonly string[], place = this.order.next()): void {
    const at = this.#now();
    for (const key of keys) {
      this.order.taken(key, place);
      this.settle(key, place);
      this.#remember(key, { at, place });
    }
    this.#trim(at);
  }

  #remember(key: string, acknowledged: Recent): void {
    this.#recent.delete(key);
    this.#recent.set(key, acknowledged);
  }

  #trim(at: number): void {
    const oldest = Math.min(at, ...this.#doubts.values()) - this.#windowMs;
    for (const [key, acknowledged] of this.#recent) {
      const late = acknowledged.at < oldest;
      if (!late && this.#recent.size <= this.#recentMax) return;
      if (!late) this.dropped += 1;
      this.#recent.delete(key);
    }
  }

  /**
   * Records keys that were not deleted, or whose deletion is uncertain. Keys with a later acknowledged write are
   * omitted.
   *
   * @param place position of the deletion in `order`; default: the last
   * @throws NotSentError if too many deletions are pending
   * @throws OutcomeUnknownError if the journal is closed and no longer replays anything
   */
  failed(keys: readonly string[], place = this.order.next()): void {
    if (this.#closed) throw new OutcomeUnknownError('The cache was closed before Redis replied');
    const outdated = keys.filter((key) => !this.order.isSuperseded(key, place));
    const fresh = outdated.filter((key) => !this.#pending.has(key));
    if (this.#pending.size + fresh.length > this.#pendingMax)
      throw new NotSentError(`Redis is unreachable and ${this.#pendingMax} deletions are already pending`);
    for (const key of outdated) this.restore(key, place);
  }

  /** Like `failed`; returns false where `failed` would throw. */
  tryFailed(key: string, place?: number): boolean {
    if (this.#closed || (this.#pending.size >= this.#pendingMax && !this.#pending.has(key))) return false;
    this.failed([key], place);
    return true;
  }

  /** Like `failed`, for a key that was pending until now; never refused. */
  restore(key: string, place = this.order.next()): void {
    this.#pending.set(key, { change: this.order.next(), place });
    this.#recoverSoon();
  }

  /**
   * Ends the pending state of a key whose new value is being sent to Redis, after all replays. If sending fails,
   * `restore` must be called.
   */
  forget(key: string): void {
    this.#end(key);
  }

  /**
   * Records that Redis has acknowledged a write to the key, which makes earlier deletions obsolete. Returns true if
   * such a deletion was pending.
   */
  settle(key: string, place: number): boolean {
    const pending = this.#pending.get(key);
    return pending !== undefined && pending.place < place && this.#end(key);
  }

  /** Ends the pending state of the key. Returns false if it was not pending. */
  #end(key: string): boolean {
    if (!this.#pending.delete(key)) return false;
    this.#ends += 1;
    this.#ended.delete(key);
    this.#ended.set(key, this.#ends);
    const [oldest] = this.#ended.size > ENDED_MAX ? this.#ended : [];
    if (!oldest) return true;
    this.#ended.delete(oldest[0]);
    this.#endsDropped = oldest[1];
    return true;
  }

  /** Like `settle`, for a value that survives a failover. */
  supersede(key: string, place = this.order.next()): void {
    this.settle(key, place);
    const recent = this.#recent.get(key);
    if (recent && recent.place < place) this.#recent.delete(key);
  }

  /**
   * Holds a key whose durable value will be sent on a separate connection. The key stays pending, and is not replayed
   * until `release`.
   *
   * @returns a promise that settles when a replay in flight that would delete the value has ended; undefined if there
   * is no such replay
   */
  hold(key: string): Promise<unknown> | undefined {
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    return this.#replaying?.keys.has(key) ? this.#replaying.done : undefined;
  }

  release(key: string): void {
    const others = (this.#held.get(key) ?? 1) - 1;
    if (others > 0) this.#held.set(key, others);
    else this.#held.delete(key);
    if (this.#pending.size > 0) this.#recoverSoon();
  }

  /** Starts a replay once Redis replies again. Safe to call at any time. */
  recover(): void {
    if (this.#running || this.#closed || this.#pending.size === 0 || this.#now() < this.#notBefore) return;
    this.#running = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#replay()
      // Deletions that Redis did not accept stay pending and are retried.
      .catch(() => {})
      .finally(() => {
        this.#running = false;
        if (this.#pending.size > 0) this.#recoverSoon();
      });
  }

  /**
   * Retries without waiting for an event: a connection that was never lost does not emit `ready`, and reads of pending
   * keys do not send a command whose reply could trigger the replay.
   */
  #recoverSoon(): void {
    if (this.#running || this.#closed || this.#retry) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.recover();
      if (!this.#running && this.#pending.size > 0) this.#recoverSoon();
    }, RETRY_MS);
    this.#retry.unref();
  }

  /** Stops all replays. @returns the keys that were never replayed */
  close(): readonly string[] {
    this.#closed = true;
    clearTimeout(this.#retry);
    return [...this.#pending.keys()];
  }

  /**
   * Makes recent deletions pending again if the previous master acknowledged them, because the new master may lack
   * them.
   */
  #moved(part: ConnectionPart): void {
    const oldest = (this.#doubts.get(part) ?? this.#now()) - this.#windowMs;
    for (const [key, { at, place }] of this.#recent) {
      if (!part.covers(key)) continue;
      this.#recent.delete(key);
      if (at >= oldest) this.restore(key, place);
    }
  }

  #batch(): ReadonlyMap<string, number> {
    const { reachable = () => true } = this.#options;
    const batch = new Map<string, number>();
    for (const [key, { change }] of this.#pending) {
      if (batch.size === BATCH) break;
      if (!this.#held.has(key) && reachable(key)) batch.set(key, change);
    }
    return batch;
  }

  async #replay(): Promise<void> {
    while (this.#pending.size > 0 && !this.#closed) {
      const batch = this.#batch();
      if (batch.size === 0) {
        this.#notBefore = this.#now() + RETRY_MS;
        throw new NotSentError('the shards of all pending deletions are unreachable');
      }
      const done = this.#options.unlink([...batch.keys()]);
      this.#replaying = { keys: new Set(batch.keys()), done: done.catch(() => {}) };
      try {
        await done;
      } finally {
        this.#replaying = undefined;
      }
      this.#replayed(batch);
    }
    this.#options.settled?.(undefined);
  }

  #replayed(batch: ReadonlyMap<string, number>): void {
    const at = this.#now();
    for (const [key, change] of batch) {
      const pending = this.#pending.get(key);
      if (pending?.change !== change) continue;
      this.#end(key);
      // Recorded as recent again, because this master may be replaced as well.
      this.#remember(key, { at, place: pending.place });
      this.replayed += 1;
      this.#options.settled?.(key);
    }
    this.#trim(at);
  }
}
