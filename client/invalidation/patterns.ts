/**
 * Deletion by pattern: SCAN in batches, each followed by its UNLINK, so Redis is never blocked for long. While a load
 * is in flight, its lease takes the place of the entry. The lease is deleted like an entry, so the load stores nothing.
 *
 * Every matching key that exists throughout the scan is deleted. A cursor is valid only on the server that returned it:
 * after a lost connection or a failover the scan restarts, a bounded number of times. The cost is one pass over the
 * keys, N / 500 SCANs; in a cluster, on every master.
 */
import { isUtf8 } from 'node:buffer';
import { isConnectivityError, NotSentError } from '../api/errors.ts';
import type { ConnectionEvent } from '../api/types.ts';
import type { Argument } from '../transport/commands.ts';
import { delay, now } from '../transport/timing.ts';
import { escapeGlob } from './glob.ts';
import { bySlot, type SlotOf } from './slots.ts';

const BATCH = 500;
/** Maximum number of restarts, after lost connections or while Redis is unreachable. */
const RESTARTS_MAX = 200;
const MAX_OUTAGE_MS = 15_000;
const RETRY_MS = 100;

interface Page {
  readonly next: string | undefined;
  readonly keys: readonly string[];
  /** Keys that are not UTF-8. No cache wrote such keys, and converting them to strings would change them. */
  readonly foreign: readonly Buffer[];
}

export interface PatternOptions {
  readonly namespace: string;
  readonly connection: { on(listener: (event: ConnectionEvent) => void): () => void };
  /**
   * Sends one command; in a cluster, the cursor of SCAN covers all masters. The keys that SCAN returns may be Buffers.
   */
  readonly send: (command: string, args: readonly Argument[]) => Promise<unknown>;
  readonly slotOf?: SlotOf;
  /** Drops deleted keys in this process and records them in the journal; called after keys have been deleted. */
  readonly deleted: (keys: readonly string[]) => void;
  /** Called when a deletion did not reach Redis. @throws NotSentError if too many deletions are pending */
  readonly failed: (keys: readonly string[]) => void;
  /** COUNT of each SCAN; default 500. */
  readonly batch?: number;
  /** Maximum time, in ms, that Redis may be unreachable; default 15000, longer than a failover. */
  readonly maxOutageMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface PatternResult {
  readonly deleted: number;
  /** Number of restarts of the scan. */
  readonly restarts: number;
}

/**
 * Deletes the entries whose logical key matches a Redis pattern (`user:*`).
 *
 * @throws NotSentError, TimeoutError if Redis was unreachable for longer than `maxOutageMs`; keys found before then
 * have been deleted or are in the journal
 */
export function deleteMatching(pattern: string, options: PatternOptions): Promise<PatternResult> {
  const prefix = `${options.namespace}:`;
  const isWanted = (key: string): boolean => key[prefix.length] !== '~' && !isOfCanary(key);
  return scanAndDelete(options, now(), `${escapeGlob(prefix)}${pattern}`, isWanted);
}

/**
 * Like `deleteMatching`, for all keys of the namespace. Internal keys of the cache are also deleted, but not counted.
 * Keys of a canary rollout remain: they are not cache data, and a rollback must stay in effect after bad entries have
 * been deleted.
 */
export function deleteAll(options: PatternOptions): Promise<PatternResult> {
  const match = `${escapeGlob(`${options.namespace}:`)}*`;
  return scanAndDelete(options, Number.NEGATIVE_INFINITY, match, (key) => !isOfCanary(key));
}

/**
 * Whether a key belongs to any canary rollout in the namespace. In a cluster, the namespace of the pattern cache begins
 * with this namespace.
 */
function isOfCanary(key: string): boolean {
  return key.includes(':~canary:{');
}

async function scanAndDelete(
  options: PatternOptions,
  answeredAt: number,
  match: string,
  isWanted: (key: string) => boolean,
): Promise<PatternResult> {
  const scan = new Scan(options, answeredAt);
  try {
    return { deleted: await scan.delete(match, isWanted), restarts: scan.restarts };
  } finally {
    scan.close();
  }
}

class Scan {
  readonly #options: PatternOptions;
  readonly #unfollow: () => void;
  /** Number of connections established so far: a cursor is not valid on the next connection. */
  #generation = 0;
  #answeredAt: number;
  restarts = 0;

  constructor(options: PatternOptions, answeredAt: number) {
    this.#options = options;
    this.#answeredAt = answeredAt;
    this.#unfollow = options.connection.on(({ type }) => {
      if (type === 'lost' || type === 'moved') this.#generation += 1;
    });
  }

  close(): void {
    this.#unfollow();
  }

  async delete(match: string, isWanted: (key: string) => boolean): Promise<number> {
    const { signal } = this.#options;
    let deleted = 0;
    let cursor: string | undefined = '0';
    let generation = this.#generation;
    while (cursor !== undefined) {
      signal?.throwIfAborted();
      const page: Page | undefined = await this.#page(cursor, match);
      if (page) deleted += await this.#unlink(page.keys.filter(isWanted));
      if (page) deleted += await this.#unlinkForeign(page.foreign);
      if (page && generation === this.#generation) cursor = page.next;
      else {
        this.#restarted(match);
        generation = this.#generation;
        cursor = '0';
      }
    }
    return deleted;
  }

  /** Reads one page of keys. Returns undefined if Redis is unreachable but the allowed time has not passed yet. */
  async #page(cursor: string, match: string): Promise<Page | undefined> {
    const { send, batch = BATCH, maxOutageMs = MAX_OUTAGE_MS, signal } = this.#options;
    try {
      const reply = await send('SCAN', [cursor, 'MATCH', match, 'COUNT', batch]);
      const [next, found] = reply as [string | Buffer, readonly (string | Buffer)[]];
      this.#answeredAt = now();
      const [keys, foreign]: [string[], Buffer[]] = [[], []];
      for (const key of found) {
        if (typeof key === 'string' || isUtf8(key)) keys.push(key.toString());
        else foreign.push(key);
      }
      return { next: String(next) === '0' ? undefined : String(next), keys, foreign };
    } catch (error) {
      if (!isConnectivityError(error) || now() - this.#answeredAt > maxOutageMs) throw error;
      await delay(RETRY_MS, signal);
      return undefined;
    }
  }

  /**
   * Deletes keys that are not UTF-8. The journal cannot record such keys for a later replay, so a failed deletion ends
   * the scan.
   */
  async #unlinkForeign(keys: readonly Buffer[]): Promise<number> {
    const { send } = this.#options;
    let removed = 0;
    for (const key of keys) removed += Number(await send('UNLINK', [key]));
    return removed;
  }

  #restarted(match: string): void {
    this.restarts += 1;
    if (this.restarts > RESTARTS_MAX)
      throw new NotSentError(`${match}: the scan was interrupted ${this.restarts} times`);
  }

  async #unlink(keys: readonly string[]): Promise<number> {
    const { namespace, send, slotOf, deleted, failed } = this.#options;
    const isOwn = (key: string): boolean => key[namespace.length + 1] === '~';
    const entries = keys.filter((key) => !isOwn(key));
    const own = keys.filter(isOwn);
    let removed = 0;
    for (const group of [...bySlot(own, nameOf, slotOf), ...bySlot(entries, nameOf, slotOf)]) {
      try {
        const gone = Number(await send('UNLINK', group));
        if (!isOwn(group[0] as string)) removed += gone;
        deleted(group);
      } catch (error) {
        if (!isConnectivityError(error)) throw error;
        failed(group);
      }
    }
    return removed;
  }
}

const nameOf = (key: string): string => key;
