/**
 * Keys whose old value must not return: deletions, and invalidations of tags, which are deletions of tag keys.
 *
 *   acknowledged ─▶ recent (kept for `windowMs`) ──the master was replaced──▶ pending ─▶ replayed, forgotten
 *   failed (Redis is unreachable, or the outcome is unknown) ──────────────────▲
 *
 * A deposed master may have acknowledged deletions that its successor never received. Those of its last `windowMs` are repeated on the
 * successor. The window stops while the connection is suspect: a master that hung for a minute acknowledged its last deletion a
 * minute ago. A pool and a cluster have several connections: each covers its own keys.
 *
 * Bounds: replay starts with the event `ready` of the connection or a reply of Redis, and is retried every 250 ms, with 500 keys per
 * command. A key is pending until then, and this process must not use its value in Redis (`isPending`). Beyond `pendingMax` keys a
 * deletion fails with a typed error instead of being forgotten. A replay may delete a newer value that Redis accepted
 * as an `async` write, which causes a miss. It never deletes a durable one: `hold`, then `supersede`.
 *
 * A reply may be older than it looks: it was sent before the replay, and arrives or is joined with others after it. A
 * read therefore records `ends` before it is sent, and trusts its reply only if the key has not been pending at any
 * time since (`wasPending`).
 *
 * A write has a place in the order of this process (`write-order.ts`), and settles only earlier deletions.
 *
 * Left out: pending deletions of a process that died; their entries live until their TTL.
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
/** Maximum number of remembered ends; a read that began before the oldest trusts no reply. */
const ENDED_MAX = PENDING_MAX;

export interface JournalOptions {
  /** Deletes the keys in Redis; resolves when Redis has replied. */
  readonly unlink: (keys: readonly string[]) => Promise<unknown>;
  /** Returns false if the shard of the key is unreachable: its deletion waits without delaying others. */
  readonly reachable?: (key: string) => boolean;
  /** Time in which an acknowledged deletion may be lost in a failover; longer than the replication lag. Default 10000. */
  readonly windowMs?: number;
  /** Maximum number of pending keys; default 10000. */
  readonly pendingMax?: number;
  /** Maximum number of acknowledged keys in the window, the newest; default 100000. */
  readonly recentMax?: number;
  /** Called when a key was replayed, or nothing is pending any more. */
  readonly settled?: (key: string | undefined) => void;
  readonly now?: () => number;
}

interface Pending {
  /** Number of the last change, so that a replay does not settle a later change. */
  readonly change: number;
  /** Position of the write that it represents. */
  readonly place: number;
}

interface Recent {
  readonly at: number;
  readonly place: number;
}

/** The single connection of a test. */
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
  /** Pending keys that durable writes are replacing, with their number: not replayed meanwhile. */
  readonly #held = new Map<string, number>();
  /** Time since which each part of the connection has been suspect. */
  readonly #doubts = new Map<ConnectionPart, number>();
  /** Keys being replayed, and the promise of the replay. */
  #replaying: { readonly keys: ReadonlySet<string>; readonly done: Promise<unknown> } | undefined;
  /** All pending keys are unreachable: they are not scanned again on every reply. */
  #notBefore = 0;
  #running = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  /** Number of acknowledged keys that a full window dropped: they would not be replayed. */
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

  /** Number of ends of pending keys. A read records it before it is sent. */
  get ends(): number {
    return this.#ends;
  }

  /** Whether the key was pending at any time since `ends` was recorded: the reply may be older than the deletion. */
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

  /** Must be called with each event of each part of the connection, before any other listener. */
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

  /** The master has deleted the keys. @param place place of the deletion in `order`; default: the last */
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
   * They were not deleted, or it is unknown whether they were; keys with a later acknowledged write are omitted.
   *
   * @param place of the deletion in `order`; default: the latest
   * @throws NotSentError too many deletions are pending
   * @throws OutcomeUnknownError the journal is closed and replays nothing
   */
  failed(keys: readonly string[], place = this.order.next()): void {
    if (this.#closed) throw new OutcomeUnknownError('The cache was closed before Redis answered');
    const outdated = keys.filter((key) => !this.order.isSuperseded(key, place));
    const fresh = outdated.filter((key) => !this.#pending.has(key));
    if (this.#pending.size + fresh.length > this.#pendingMax)
      throw new NotSentError(`Redis is unreachable and ${this.#pendingMax} deletions are pending already`);
    for (const key of outdated) this.restore(key, place);
  }

  /** Like `failed`; returns false where `failed` would throw. */
  tryFailed(key: string, place?: number): boolean {
    if (this.#closed || (this.#pending.size >= this.#pendingMax && !this.#pending.has(key))) return false;
    this.failed([key], place);
    return true;
  }

  /** Like `failed`, but never refused: for a key that was just pending. */
  restore(key: string, place = this.order.next()): void {
    this.#pending.set(key, { change: this.order.next(), place });
    this.#recoverSoon();
  }

  /** A newer value is being sent to Redis, after all replays: the key is not pending unless that fails (`restore`). */
  forget(key: string): void {
    this.#end(key);
  }

  /** Redis has acknowledged a write of the key: earlier deletions are obsolete. Returns true if one was pending. */
  settle(key: string, place: number): boolean {
    const pending = this.#pending.get(key);
    return pending !== undefined && pending.place < place && this.#end(key);
  }

  /** The key is no longer pending. Returns false if it was not. */
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
   * A durable value is about to be sent on a separate connection: the key stays pending, and is not replayed until `release`.
   *
   * @returns the end of a replay in flight that would delete the value; undefined: there is none
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

  /** Redis replies again: starts a replay. Safe to call at any time. */
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

  /** Retries without an event: a connection that was never lost emits no `ready`, and reads of pending keys send nothing. */
  #recoverSoon(): void {
    if (this.#running || this.#closed || this.#retry) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.recover();
      if (!this.#running && this.#pending.size > 0) this.#recoverSoon();
    }, RETRY_MS);
    this.#retry.unref();
  }

  /** Ends all replays. @returns the keys that were never replayed */
  close(): readonly string[] {
    this.#closed = true;
    clearTimeout(this.#retry);
    return [...this.#pending.keys()];
  }

  /** A new master may lack the last deletions that the former one acknowledged: they become pending. */
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
      // The successor may be replaced as well.
      this.#remember(key, { at, place: pending.place });
      this.replayed += 1;
      this.#options.settled?.(key);
    }
    this.#trim(at);
  }
}
