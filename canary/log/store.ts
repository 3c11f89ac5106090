/**
 * The decision log in Redis, written by any number of processes.
 *
 *   head = state key + the entries after it ─▶ next entry ─HSETNX index─▶ exactly one process appends it
 *                                              └▶ state and control keys: caches of the log, replaced by each look
 *
 * A failover may lose the newest entries. A process that has seen them writes them again before it continues. If the
 * log was lost, or another process restarted it, the log continues from the entries that a process remembers. Neither
 * case therefore undoes a rollback.
 */
import type { SupervisedConnection } from '../../client/types.ts';
import type { CanaryKeys } from '../metrics/keys.ts';
import { controlOf } from './control.ts';
import { type Appended, entryText, type Head, parseEntry, snapshotAfter } from './entry.ts';
import { follow } from './replay.ts';

type Send = SupervisedConnection['call'];

/**
 * Number of entries that a process keeps in memory so that it can restore them after a failover. They cover several
 * minutes of looks, which is more than a failover can lose.
 */
const REMEMBERED = 200;
const CHANGES_KEPT = 500;
const READ_BATCH = 100;

export interface LogLimits {
  readonly maxEntries: number;
}

export class DecisionLog {
  readonly #send: Send;
  readonly #keys: CanaryKeys;
  readonly #limits: LogLimits;
  readonly #remembered = new Map<number, string>();
  #head: Head | undefined;

  constructor(send: Send, keys: CanaryKeys, limits: LogLimits) {
    this.#send = send;
    this.#keys = keys;
    this.#limits = limits;
  }

  /** Reads the head; undefined if there is no log yet. @throws CacheError; Error if the log is damaged */
  async read(): Promise<Head | undefined> {
    let head = await this.#cachedHead();
    // Without a cached head, the log is read from its first entry, whose index may be above 0 because old entries are
    // dropped.
    if (head === undefined) for (const line of await this.lines()) head = this.#followed(head, line, 0);
    for (;;) {
      const from = head === undefined ? 0 : head.index + 1;
      const lines = await this.#lines(from);
      for (const line of lines) head = this.#followed(head, line, from);
      if (lines.length < READ_BATCH) break;
    }
    const known = this.#head;
    if (known !== undefined && (head === undefined || head.index < known.index)) {
      head = (await this.#restore(head, known)) ?? head;
    }
    this.#head = head;
    return head;
  }

  /** Appends an entry. @returns false if another process appended an entry first */
  async append({ entry, head }: Appended): Promise<boolean> {
    const line = entryText(entry);
    const added = Number(await this.#send('HSETNX', this.#keys.log, entry.index, line));
    // If the reply was lost, the entry may have been written.
    if (added === 0 && (await this.#send('HGET', this.#keys.log, entry.index)) !== line) return false;
    this.#remember(entry.index, line);
    this.#head = head;
    await this.#cache(head);
    if (entry.kind === 'event' && entry.decision.verdict !== 'hold')
      await this.#recordChange(entry.index, line);
    if (entry.kind === 'snapshot') await this.#trim(entry.index);
    return true;
  }

  /** Returns the texts of all retained entries, in order. The first is a snapshot. */
  async lines(): Promise<readonly string[]> {
    const indices = ((await this.#send('HKEYS', this.#keys.log)) as string[])
      .map(Number)
      .sort((a, b) => a - b);
    const all: string[] = [];
    for (let i = 0; i < indices.length; i += READ_BATCH) {
      const batch = indices.slice(i, i + READ_BATCH);
      const lines = (await this.#send('HMGET', this.#keys.log, ...batch)) as (string | null)[];
      all.push(...lines.filter((line) => line !== null));
    }
    const first = all.findIndex(isSnapshot);
    return first === -1 ? [] : all.slice(first);
  }

  /** Returns the texts of the entries that changed the share, in order. */
  async changes(): Promise<readonly string[]> {
    const lines = (await this.#send('HVALS', this.#keys.changes)) as string[];
    return lines.sort((a, b) => parseEntry(a).index - parseEntry(b).index);
  }

  async #cachedHead(): Promise<Head | undefined> {
    const text = (await this.#send('GET', this.#keys.state)) as string | null;
    try {
      return text === null ? undefined : (JSON.parse(text) as Head);
    } catch {
      // The cache is damaged. The log contains the state as well.
      return undefined;
    }
  }

  async #lines(from: number): Promise<readonly string[]> {
    const indices = Array.from({ length: READ_BATCH }, (_, i) => from + i);
    const lines = (await this.#send('HMGET', this.#keys.log, ...indices)) as (string | null)[];
    const end = lines.indexOf(null);
    return (end === -1 ? lines : lines.slice(0, end)) as string[];
  }

  #followed(head: Head | undefined, line: string, at: number): Head {
    const next = follow(head, line);
    if (typeof next === 'string') throw new Error(`the canary log is damaged after entry ${at - 1}: ${next}`);
    this.#remember(next.head.index, line);
    return next.head;
  }

  /**
   * Writes the remembered entries that follow the stored head to Redis again. If another process has continued without
   * these entries, the entries of that process remain, unless they undo a rollback.
   */
  async #restore(head: Head | undefined, known: Head): Promise<Head | undefined> {
    let restored = head;
    for (let index = (head?.index ?? -1) + 1; restored?.index !== known.index; index++) {
      const line = this.#remembered.get(index);
      // More entries are missing than a failover can lose.
      if (line === undefined) return this.#startFrom(known, restored);
      const next = follow(restored, line);
      if (typeof next === 'string') {
        const isUndone = known.state.status === 'rolled-back' && restored?.state.status !== 'rolled-back';
        return isUndone ? this.#startFrom(known, restored) : restored;
      }
      if (Number(await this.#send('HSETNX', this.#keys.log, index, line)) === 0) return restored;
      restored = next.head;
    }
    if (restored !== undefined) await this.#cache(restored);
    return restored;
  }

  /**
   * Restarts the log with a snapshot of a remembered head. Processes that remember the same head write the same entry.
   */
  async #startFrom(known: Head, stored: Head | undefined): Promise<Head | undefined> {
    const { entry } = snapshotAfter(known, known.rules, known.state);
    if (stored !== undefined) await this.#send('DEL', this.#keys.log);
    await this.#send('HSETNX', this.#keys.log, entry.index, entryText(entry));
    const line = (await this.#send('HGET', this.#keys.log, entry.index)) as string | null;
    if (line === null) return undefined;
    const next = follow(undefined, line);
    if (typeof next === 'string') return undefined;
    this.#remember(entry.index, line);
    const head = { ...next.head, decision: known.decision };
    await this.#cache(head);
    return head;
  }

  /**
   * Writes the caches (the state and control keys) for the newest entry. If another process has appended an entry in
   * the meantime, the caches are written again for that entry, so that no older cache remains.
   */
  async #cache(head: Head): Promise<void> {
    let newest = head;
    for (;;) {
      await Promise.all([
        this.#send('SET', this.#keys.state, JSON.stringify(newest)),
        this.#send('SET', this.#keys.control, JSON.stringify(controlOf(newest))),
      ]);
      const line = (await this.#send('HGET', this.#keys.log, newest.index + 1)) as string | null;
      const next = line === null ? 'none' : follow(newest, line);
      if (typeof next === 'string') return;
      newest = next.head;
    }
  }

  async #recordChange(index: number, line: string): Promise<void> {
    await this.#send('HSET', this.#keys.changes, index, line);
    const indices = ((await this.#send('HKEYS', this.#keys.changes)) as string[]).map(Number);
    const old = indices.sort((a, b) => b - a).slice(CHANGES_KEPT);
    if (old.length > 0) await this.#send('HDEL', this.#keys.changes, ...old);
  }

  /** Drops the entries before a snapshot once more than `maxEntries` entries follow it. */
  async #trim(index: number): Promise<void> {
    const lines = await this.lines();
    const entries = lines.map(parseEntry);
    const cut = entries.findLast(
      (entry) => entry.kind === 'snapshot' && entry.index <= index - this.#limits.maxEntries,
    );
    const old = entries.filter((entry) => entry.index < (cut?.index ?? 0)).map((entry) => entry.index);
    if (old.length > 0) await this.#send('HDEL', this.#keys.log, ...old);
  }

  #remember(index: number, line: string): void {
    this.#remembered.set(index, line);
    this.#remembered.delete(index - REMEMBERED);
  }
}

function isSnapshot(line: string): boolean {
  try {
    return parseEntry(line).kind === 'snapshot';
  } catch {
    return false;
  }
}
