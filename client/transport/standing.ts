/**
 * State of a connection, and how long it has lasted on the monotonic clock. `since` in the state is Unix time, for
 * display.
 */
import type { ConnectionState } from '../api/types.ts';
import { now } from './timing.ts';

export class Standing {
  #state: ConnectionState = { kind: 'connecting', since: Date.now(), attempt: 1 };
  #enteredAt = now();

  get state(): ConnectionState {
    return this.#state;
  }

  /** Duration of the state, in ms. */
  get forMs(): number {
    return now() - this.#enteredAt;
  }

  enter(state: ConnectionState): void {
    this.#state = state;
    this.#enteredAt = now();
  }
}
