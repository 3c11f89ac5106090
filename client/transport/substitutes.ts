/**
 * Substitutes for commands that are not available to this user: DEL for UNLINK, one GET per key for MGET, GET for
 * GETRANGE. After the first rejection, the substitute is used until the connection ends.
 */
import { CommandError } from '../api/errors.ts';
import type { Argument, CallOptions, Submit } from './commands.ts';
import { isUnavailable } from './reply-error.ts';

const REPLACED = new Set(['UNLINK', 'MGET', 'GETRANGE']);

export class Substitutes {
  readonly #send: Submit;
  readonly #closed = new Set<string>();

  constructor(send: Submit) {
    this.#send = send;
  }

  static has(command: string): boolean {
    return REPLACED.has(command);
  }

  /** Clears the recorded rejections, for a new connection. */
  reset(): void {
    this.#closed.clear();
  }

  readonly submit: Submit = (command, args, options, startedAt, resolve, reject) => {
    const replace = (): void => {
      if (command === 'MGET') this.#each(args, options, startedAt, resolve, reject);
      else if (command === 'GETRANGE') this.#range(args, options, startedAt, resolve, reject);
      else this.#send('DEL', args, options, startedAt, resolve, reject);
    };
    if (this.#closed.has(command)) {
      replace();
      return;
    }
    this.#send(command, args, options, startedAt, resolve, (error) => {
      if (!isUnavailable(error)) {
        reject(error);
        return;
      }
      this.#closed.add(command);
      // A write must not be sent without the rest of its sequence. A read may be sent separately.
      if (options.once && command === 'UNLINK') reject(error);
      else replace();
    });
  };

  /** Reads the whole value and returns a range of it. `end` is inclusive, as in GETRANGE, and must not be negative. */
  #range(
    [key, start, end]: readonly Argument[],
    options: CallOptions,
    startedAt: number,
    resolve: (reply: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    const cut = (reply: unknown): void =>
      resolve(((reply ?? Buffer.alloc(0)) as Buffer).subarray(Number(start), Number(end) + 1));
    this.#send('GET', [key as Argument], { ...options, buffers: true }, startedAt, cut, reject);
  }

  /** Reads each key separately; null for a key of a type other than string, as in MGET. */
  #each(
    keys: readonly Argument[],
    options: CallOptions,
    startedAt: number,
    resolve: (reply: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    const one = (key: Argument): Promise<unknown> =>
      new Promise((found, failed) =>
        this.#send('GET', [key], options, startedAt, found, (error) => {
          if (error instanceof CommandError && error.code === 'WRONGTYPE') found(null);
          else failed(error);
        }),
      );
    Promise.all(keys.map(one)).then(resolve, reject);
  }
}
