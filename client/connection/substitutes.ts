/**
 * Commands that another one can stand in for where the server does not give them to this user: UNLINK by DEL, MGET by a GET for
 * each key. The first refusal on a connection is learned from; it is tried again on the next.
 */
import { CommandError } from '../errors.ts';
import type { CallOptions } from './commands.ts';
import type { Argument } from './link.ts';
import { isUnavailable } from './reply-error.ts';

export type Submit = (
  command: string,
  args: readonly Argument[],
  options: CallOptions,
  startedAt: number,
  resolve: (reply: unknown) => void,
  reject: (error: Error) => void,
) => void;

const REPLACED = new Set(['UNLINK', 'MGET']);

export class Substitutes {
  readonly #send: Submit;
  readonly #closed = new Set<string>();

  constructor(send: Submit) {
    this.#send = send;
  }

  static has(command: string): boolean {
    return REPLACED.has(command);
  }

  /** Another connection. */
  reset(): void {
    this.#closed.clear();
  }

  readonly submit: Submit = (command, args, options, startedAt, resolve, reject) => {
    const replace = (): void => {
      if (command === 'MGET') this.#each(args, options, startedAt, resolve, reject);
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
      // A part of a sequence cannot be sent again.
      if (options.once) reject(error);
      else replace();
    });
  };

  /** null for a key that holds something else than a string, as MGET says. */
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
