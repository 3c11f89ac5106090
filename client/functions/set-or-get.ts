import { CommandError } from '../api/errors.ts';
import type { Argument } from '../transport/commands.ts';

/**
 * Sends one command. `run` returns the replies to `GET` and `SET` as this function returns them, as Buffers or as text.
 */
export type Send = (command: string, args: readonly Argument[]) => Promise<unknown>;

export class SetOrGet {
  readonly #send: Send;
  /** Whether the server is older than 7.0. */
  #isOld = false;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * Sets a key if it is absent, and returns null; otherwise returns the key's value, or undefined if the value has
   * disappeared in the meantime. `expiry`: `PX` or `EX`, followed by the time.
   */
  async run(key: string, value: Argument, expiry: readonly Argument[]): Promise<unknown> {
    if (!this.#isOld) {
      try {
        return await this.#send('SET', [key, value, 'NX', 'GET', ...expiry]);
      } catch (error) {
        if (!(error instanceof CommandError && /syntax error/i.test(error.message))) throw error;
        this.#isOld = true;
      }
    }
    const reply = await this.#send('SET', [key, value, 'NX', ...expiry]);
    if (reply !== null) return null;
    return (await this.#send('GET', [key])) ?? undefined;
  }
}
