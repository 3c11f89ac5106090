import { CommandError } from '../api/errors.ts';
import type { Argument } from '../transport/commands.ts';

/** Sends one command; `run` returns the replies to `GET` and `SET` in its own type, Buffer or text. */
export type Send = (command: string, args: readonly Argument[]) => Promise<unknown>;

export class SetOrGet {
  readonly #send: Send;
  /** The server is older than 7.0. */
  #isOld = false;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * null: the key was set; undefined: its value has disappeared in the meantime; otherwise its value. `expiry`: `PX` or `EX`,
   * and how long.
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
