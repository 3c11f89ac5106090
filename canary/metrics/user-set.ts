/**
 * Distinct users of one kind in one window, for both arms of one process: users that are already stored in Redis, and
 * users that have not been sent yet. The set is full when this process, or all processes together, have reached their
 * limit; this bounds the memory of the process and the size of the sets in Redis.
 */
import type { Arm } from '../assignment/assignment.ts';

export class UserSet {
  readonly #known: Readonly<Record<Arm, Set<number>>> = { canary: new Set(), control: new Set() };
  readonly #unsent: Readonly<Record<Arm, Set<number>>> = { canary: new Set(), control: new Set() };
  readonly #maxUsers: number;
  #full = false;

  constructor(maxUsers: number) {
    this.#maxUsers = maxUsers;
  }

  add(arm: Arm, hash: number): void {
    if (this.#full || this.#known[arm].has(hash)) return;
    this.#known[arm].add(hash);
    this.#unsent[arm].add(hash);
    // Checked here as well, because while Redis is unreachable, no reply closes the set.
    this.#full = this.#known.canary.size + this.#known.control.size >= this.#maxUsers;
  }

  get hasUnsent(): boolean {
    return this.#unsent.canary.size + this.#unsent.control.size > 0;
  }

  /** Returns the users to send. They count as sent until `resend` is called. */
  take(arm: Arm): readonly number[] {
    const taken = [...this.#unsent[arm]];
    this.#unsent[arm].clear();
    return taken;
  }

  /**
   * Makes `take` return all users again, because the server lost writes or a command has an unknown outcome. Adding to
   * a set is idempotent.
   */
  resend(): void {
    for (const arm of ['canary', 'control'] as const)
      for (const hash of this.#known[arm]) this.#unsent[arm].add(hash);
  }

  /**
   * Must be called when the sets of all processes together have reached the limit: no more users are added in this
   * window.
   */
  close(): void {
    this.#full = true;
  }
}
