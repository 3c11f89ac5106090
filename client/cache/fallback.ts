/**
 * What is done in memory while Redis is away, so that it does no harm when Redis is back.
 *
 * Entries written meanwhile are served from here and dropped on return. Keys that were set or deleted meanwhile still
 * have their old value in Redis: until the journal has deleted them there too, they are answered from here and never from
 * Redis. The same holds for deletions that a deposed master took with it.
 */

import { Journal, type JournalOptions } from '../invalidation/journal.ts';
import { delay, now } from '../transport/timing.ts';
import { MemoryStore } from './memory.ts';

const REST_MS = 100;
const DRAIN_POLL_MS = 20;

export interface FallbackLimits extends Pick<JournalOptions, 'windowMs' | 'pendingMax' | 'recentMax'> {
  /** Estimated memory of the entries; default: no bound. */
  readonly maxBytes?: number;
}

export class Fallback {
  readonly memory: MemoryStore;
  readonly journal: Journal;
  #notBefore = 0;
  readonly #reachable: (key: string) => boolean;

  /** @param reachable of a Cluster: whether the key's shard answers, as others may while it is away */
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

  /** Redis has an older value for the key than the caller knows of. */
  isDirty(key: string): boolean {
    return this.journal.isPending(key);
  }

  /** For `wasDirty`: noted by a read before it is sent. */
  get mark(): number {
    return this.journal.ends;
  }

  /** As `isDirty`, at any time since the mark: a reply of Redis may be older than the deletion. */
  wasDirty(key: string, mark: number): boolean {
    return this.journal.wasPending(key, mark);
  }

  get pending(): boolean {
    return this.journal.pending > 0 || this.memory.size > 0;
  }

  /**
   * The old values of these keys must not come back.
   *
   * @throws NotSentError too many await it already
   */
  remember(keys: readonly string[], place?: number): void {
    this.journal.failed(keys, place);
  }

  /** As `remember`; false where it would throw. */
  tryRemember(key: string, place: number): boolean {
    return this.journal.tryFailed(key, place);
  }

  /** The write for which the key was forgotten has failed: Redis is as outdated as before. Never refused. */
  restore(key: string, place: number): void {
    this.journal.restore(key, place);
  }

  /** A new value for the key is on its way to Redis, behind all replays. */
  forget(key: string): void {
    if (!this.pending) return;
    this.journal.forget(key);
    this.memory.delete(key);
  }

  /** Redis has taken a write of the key: all that was asked for before it is void. */
  settle(key: string, place: number): void {
    if (!this.pending) return;
    this.journal.settle(key, place);
    if (!this.isDirty(key)) this.memory.delete(key);
  }

  /** As `settle`, for a value that survives a failover. */
  supersede(key: string, place: number): void {
    this.journal.supersede(key, place);
    if (!this.isDirty(key)) this.memory.delete(key);
  }

  /** Waits for up to `ms` until Redis has taken all pending deletions. */
  async drain(ms: number): Promise<void> {
    const until = now() + ms;
    this.journal.recover();
    while (this.journal.pending > 0 && now() < until) await delay(Math.min(DRAIN_POLL_MS, until - now()));
  }

  /** Redis answers again: delete there what is outdated, drop what is kept here. Safe to call at any time. */
  recover(): void {
    this.journal.recover();
    this.#drop();
  }

  #drop(): void {
    if (this.memory.size === 0 || now() < this.#notBefore) return;
    this.memory.deleteWhere((key) => this.#reachable(key) && !this.isDirty(key));
    // What is left waits for the journal, or for a shard that is away: not looked through again with every answer.
    if (this.memory.size > 0) this.#notBefore = now() + REST_MS;
  }

  /** @returns the keys whose deletion Redis has not taken */
  stop(): readonly string[] {
    this.memory.clear();
    return this.journal.close();
  }
}
