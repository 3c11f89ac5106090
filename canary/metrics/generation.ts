/**
 * Counts of one process in one generation, and their transfer to Redis.
 *
 *   record ─▶ absolute counts in memory ─flush─▶ HSET of this process's hash, SADD of new users
 *
 * Each hash has one writer and holds absolute values, so sending them twice changes nothing, and a flush after a
 * failover replaces what the failover lost. The number of the last acknowledged flush is read before each flush: a
 * different number means that writes were lost, and the user sets are sent again.
 */
import type { SupervisedConnection } from '../../client/types.ts';
import type { Arm } from '../assignment/assignment.ts';
import { ArmCounter, type Outcome } from './arm-counter.ts';
import type { CanaryKeys } from './keys.ts';
import { UserSet } from './user-set.ts';

/** TTL, in seconds, of the keys that belong to an ended generation or to a process that no longer reports. */
const TTL_SECONDS = 7 * 24 * 3600;
const UPKEEP_EVERY_FLUSHES = 100;
const ARMS = ['canary', 'control'] as const;

export type Send = SupervisedConnection['call'];

export class GenerationCounts {
  readonly generation: number;
  readonly #keys: CanaryKeys;
  readonly #processId: string;
  readonly #maxUsers: number;
  readonly #arms: Readonly<Record<Arm, ArmCounter>> = { canary: new ArmCounter(), control: new ArmCounter() };
  #window: number;
  #seen: UserSet;
  #affected: UserSet;
  #pending = 0;
  #flushes = 0;
  #acknowledged = 0;
  #upkeepIn = 0;
  /** Keys of the user sets whose expiry this process has already set. */
  readonly #expiring = new Set<string>();

  constructor(
    keys: CanaryKeys,
    at: { readonly generation: number; readonly window: number },
    limits: { readonly processId: string; readonly maxUsers: number },
  ) {
    this.#keys = keys;
    this.generation = at.generation;
    this.#window = at.window;
    this.#processId = limits.processId;
    this.#maxUsers = limits.maxUsers;
    this.#seen = new UserSet(limits.maxUsers);
    this.#affected = new UserSet(limits.maxUsers);
  }

  /** Number of requests since the last acknowledged flush. */
  get pending(): number {
    return this.#pending;
  }

  record(arm: Arm, hash: number, outcome: Outcome): void {
    this.#arms[arm].add(outcome);
    this.#pending += 1;
    this.#seen.add(arm, hash);
    if (!outcome.ok) this.#affected.add(arm, hash);
  }

  /** Starts new sets of distinct users. */
  enterWindow(window: number): void {
    if (window <= this.#window) return;
    this.#window = window;
    this.#seen = new UserSet(this.#maxUsers);
    this.#affected = new UserSet(this.#maxUsers);
  }

  /**
   * Sends the counts in one batch.
   *
   * @returns the number of commands sent
   * @throws CacheError if a command failed; the next flush sends everything again
   */
  async flush(send: Send): Promise<number> {
    const pending = this.#pending;
    const number = ++this.#flushes;
    const key = this.#keys.counts(this.generation, this.#processId);
    const batch: Promise<unknown>[] = [];
    const post: Send = (...command) => {
      const reply = send(...command);
      batch.push(reply);
      return reply;
    };
    const stored = post('HGET', key, 'flush');
    const fields = ARMS.flatMap((arm) => this.#arms[arm].fields(arm));
    void post('HSET', key, 'flush', number, ...fields);
    this.#sendUsers(post);
    if (this.#upkeepIn <= 0) this.#upkeep(post, key);
    this.#upkeepIn -= 1;
    const results = await Promise.allSettled(batch);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      this.#sendAllAgain();
      throw failed.reason;
    }
    if (Number((await stored) ?? 0) !== this.#acknowledged) this.#sendAllAgain();
    this.#acknowledged = number;
    this.#pending -= pending;
    return batch.length;
  }

  /** Whether another flush is needed because the last one detected that Redis had lost writes. */
  get hasUnsentUsers(): boolean {
    return this.#seen.hasUnsent || this.#affected.hasUnsent;
  }

  #upkeep(post: Send, key: string): void {
    const members = this.#keys.members(this.generation);
    void post('SADD', members, this.#processId);
    const sets = [members, key];
    for (const kind of ['seen', 'affected'] as const)
      for (const arm of ARMS) sets.push(this.#keys.users(this.generation, this.#window, kind, arm));
    for (const name of sets) void post('EXPIRE', name, TTL_SECONDS);
    this.#upkeepIn = UPKEEP_EVERY_FLUSHES;
  }

  #sendUsers(post: Send): void {
    for (const [kind, users] of [['seen', this.#seen] as const, ['affected', this.#affected] as const]) {
      if (!users.hasUnsent) continue;
      const sizes = ARMS.map((arm) => {
        const key = this.#keys.users(this.generation, this.#window, kind, arm);
        const taken = users.take(arm);
        if (taken.length > 0) void post('SADD', key, ...taken);
        if (taken.length > 0 && !this.#expiring.has(key)) {
          void post('EXPIRE', key, TTL_SECONDS);
          this.#expiring.add(key);
        }
        return post('SCARD', key);
      });
      Promise.all(sizes).then(
        ([canary, control]) => {
          if (Number(canary) + Number(control) >= this.#maxUsers) users.close();
        },
        () => undefined,
      );
    }
  }

  #sendAllAgain(): void {
    this.#seen.resend();
    this.#affected.resend();
    this.#upkeepIn = 0;
    this.#expiring.clear();
  }
}
