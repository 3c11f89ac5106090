/**
 * Calls of the function library `redis_cache_kit` (the Lua file beside this one), where the server has it. Nothing is
 * probed ahead: the first call tells, and after each reconnect the next one is tried again.
 */

import type { CallOptions } from '../connection/commands.ts';
import type { CacheConnection } from '../connection/index.ts';
import type { Argument } from '../connection/link.ts';
import { CommandError } from '../errors.ts';

export type FunctionName =
  | 'rck1_fetch'
  | 'rck1_lease'
  | 'rck1_store'
  | 'rck1_renew'
  | 'rck1_release'
  | 'rck1_purge';

/** The server has no such function, or the user may not call any: plain commands have to do. */
export const ABSENT = Symbol('no such function');

export class FunctionLibrary {
  readonly #connection: CacheConnection;
  #absent = false;

  constructor(connection: CacheConnection) {
    this.#connection = connection;
    connection.on((event) => {
      if (event.type === 'ready') this.#absent = false;
    });
  }

  /** Whether a call would be in vain on this connection. */
  get absent(): boolean {
    return this.#absent;
  }

  /** All keys in one slot. Replies are Buffers. */
  async call(
    name: FunctionName,
    keys: readonly string[],
    args: readonly Argument[],
    options: CallOptions = {},
  ): Promise<unknown> {
    if (this.#absent) return ABSENT;
    try {
      return await this.#connection.request('FCALL', [name, keys.length, ...keys, ...args], {
        ...options,
        buffers: true,
      });
    } catch (error) {
      if (!isAbsence(error)) throw error;
      this.#absent = true;
      return ABSENT;
    }
  }
}

function isAbsence(error: unknown): boolean {
  if (!(error instanceof CommandError)) return false;
  return error.code === 'NOPERM' || /Function not found|unknown command/i.test(error.message);
}
