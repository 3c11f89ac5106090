/**
 * Memory fallback while Redis is unreachable. It leaves no outdated values in Redis.
 *
 * Entries written during an outage are served from memory and dropped afterwards. Redis still has the old values of
 * keys that were set or deleted during the outage. Until the journal has deleted these keys in Redis, reads of them are
 * answered from memory, never from Redis. This also applies to deletions that were lost with a deposed master.
 */

import { Journal, type JournalOptions } from '../invalidation/journal.ts';
import { delay, now } from '../transport/timing.ts';
import { MemoryStore } from './memory.ts';

const REST_MS = 100;
const DRAIN_POLL_MS = 20;

export interface FallbackLimits extends Pick<JournalOptions, 'windowMs' | 'pendingMax' | 'recentMax'> {
  /** Maximum estimated memory of the entries; default: no limit. */
  readonly maxBytes?: number;
}

export class Fallback {
  readonly memory: MemoryStore;
  readonly journal: Journal;
  #notBefore = 0;
  readonly #reachable: (key: string) => boolean;

  /**
   * @param reachable whether the shard of a key replies; in a cluster, other shards may reply while this shard does not
   */
  constructor(
    entries: number,
    replay: (keys: readonly string[]) => Promise<unknown>,
    reachable: (key: string) => boolean = () => true,
    { maxBytes, ...limits }: FallbackLimits = {},
  ) {
    this.#reachable = reachable;
    this.memory = new MemoryStore(entries, undefined, maxBytes);
    this.journal = new Journal({
      ...limits,
      unlink: replay,
      reachable,
      settled: (key) => {
        if (key === undefined) this.#drop();
        else this.memory.delete(key);
      },
    });
  }

  /** Whether Redis may hold an older value of the key than this process does. */
  isDirty(key: string): boolean {
    return this.journal.isPending(key);
  }

  /** Mark to pass to `wasDirty`; must be obtained before a read is sent. */
  get mark(): number {
    return this.journal.ends;
  }

  /**
   * Whether the key was dirty at any time since the mark. If so, the reply to a read that was sent after the mark may
   * still contain the old value.
   */
  wasDirty(key: string, mark: number): boolean {
    return this.journal.wasPending(key, mark);
  }

  get pending(): boolean {
    return this.journal.pending > 0 || this.memory.size > 0;
  }

  /**
   * Adds the keys to the journal, so that their old values do not return.
   *
   * @throws NotSentError if too many deletions are pending
   */
  remember(keys: readonly string[], place?: number): void {
    this.journal.failed(keys, place);
  }

  /** Like `remember`; returns false instead of throwing. */
  tryRemember(key: string, place: number): boolean {
    return this.journal.tryFailed(key, place);
  }

  /**
   * Adds the key to the journal again. Called when the write that replaced the deletion has failed, because Redis may
   * then still have the outdated value. The journal never refuses this call.
   */
  restore(key: string, place: number): void {
    this.journal.restore(key, place);
  }

  /**
   * Removes the key from the journal. The deletion is no longer needed, because a new value is being sent to Redis,
   * after all replays.
   */
  forget(key: string): void {
    if (!this.pending) return;
    this.journal.forget(key);
    this.memory.delete(key);
  }

  /** Records that Redis has acknowledged a write to the key, which makes earlier deletions obsolete. */
  settle(key: string, place: number): void {
    if (!this.pending) return;
    this.journal.settle(key, place);
    if (!this.isDirty(key)) this.memory.delete(key);
  }

  /** Like `settle`, for a value that survives a failover. */
  supersede(key: string, place: number): void {
    this.journal.supersede(key, place);
    if (!this.isDirty(key)) this.memory.delete(key);
  }

  /** Waits up to `ms` for Redis to receive all pending deletions. */
  async drain(ms: number): Promise<void> {
    const until = now() + ms;
    this.journal.recover();
    while (this.journal.pending > 0 && now() < until) await delay(Math.min(DRAIN_POLL_MS, until - now()));
  }

  /**
   * Deletes outdated keys in Redis and drops the entries kept in memory. Called when Redis replies again; safe to call
   * at any time.
   */
  recover(): void {
    this.journal.recover();
    this.#drop();
  }

  #drop(): void {
    if (this.memory.size === 0 || now() < this.#notBefore) return;
    this.memory.deleteWhere((key) => this.#reachable(key) && !this.isDirty(key));
    // The remaining keys are waiting for the journal or for an unreachable shard, so they are not scanned again on
    // every reply.
    if (this.memory.size > 0) this.#notBefore = now() + REST_MS;
  }

  /** Stops the journal. @returns the keys whose deletion Redis has not received */
  stop(): readonly string[] {
    this.memory.clear();
    return this.journal.close();
  }
}
