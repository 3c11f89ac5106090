/**
 * Polls the role of the master once per second, and on demand. Detects demotions, detects hangs while there is no
 * traffic, and keeps the list of replicas current.
 */
import type { Link, Role } from './link.ts';
import { now } from './timing.ts';

const INTERVAL_MS = 1000;
/** Minimum interval between two extra polls, in ms. */
const RECHECK_MS = 20;

export class Heartbeat {
  readonly #heard: (link: Link, role: Role) => void;
  #askedAt = 0;

  constructor(heard: (link: Link, role: Role) => void) {
    this.#heard = heard;
  }

  isDue(at: number): boolean {
    return at - this.#askedAt > INTERVAL_MS;
  }

  /** Starts polling. A new master does not list its replicas yet, so it is queried again after 200 ms. */
  begin(): void {
    this.#askedAt = now() - INTERVAL_MS * 0.8;
  }

  /** Polls at once, because the node may no longer be the master. */
  recheck(link: Link): void {
    if (now() - this.#askedAt > RECHECK_MS) this.ask(link);
  }

  ask(link: Link): void {
    this.#askedAt = now();
    link.role().then(
      (role) => this.#heard(link, role),
      // A failed connection is reported by the link itself.
      () => {},
    );
  }
}
