/**
 * Distinct users of one kind in one window, for both arms of one process: those that Redis has, and those that are
 * still to be sent. The set is full at the limit for this process or for all processes together, so that memory and the
 * sets in Redis are bounded.
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
    // Without Redis no reply closes the set.
    this.#full = this.#known.canary.size + this.#known.control.size >= this.#maxUsers;
  }

  get hasUnsent(): boolean {
    return this.#unsent.canary.size + this.#unsent.control.size > 0;
  }

  /** Returns the users to send. They count as sent until `resend`. */
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
