/**
 * Sends the GETs of one tick together: a single one as GET, several as MGET. A hundred readers cost one command and one
 * reply instead of a hundred. A key of a type other than string reads as null with both commands. If the whole MGET
 * fails (for example, because of a key that the user is not allowed to read), each key is read separately. For a user
 * who may not call MGET, see `substitutes.ts`.
 */
import { CommandError } from '../api/errors.ts';
import type { Argument } from './commands.ts';

/**
 * Maximum number of keys per command. Additional keys are sent in separate commands, so that Redis replies to one
 * command while it reads the next.
 */
const KEYS_MAX = 32;

interface Reader {
  readonly key: string;
  readonly resolve: (value: Buffer | null) => void;
  readonly reject: (error: Error) => void;
}

/** Sends one read whose replies are Buffers, and calls `resolve` or `reject`. */
export type SendRead = (
  command: 'GET' | 'MGET',
  args: readonly Argument[],
  failFast: boolean,
  resolve: (reply: unknown) => void,
  reject: (error: Error) => void,
) => void;

export class GetCoalescer {
  readonly #send: SendRead;
  readonly #idle: () => boolean;
  readonly #flush = (): void => this.flush();
  #readers: Reader[] = [];
  #failFast = false;

  /** @param idle whether no reply is pending */
  constructor(send: SendRead, idle: () => boolean) {
    this.#send = send;
    this.#idle = idle;
  }

  get(key: string, failFast: boolean): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      const reader = { key, resolve, reject };
      // While no reply is pending, a read is sent at once, so that coalescing does not delay a single caller.
      if (this.#readers.length === 0 && this.#idle()) {
        this.#one(reader, failFast);
        return;
      }
      if (this.#readers.length > 0 && failFast !== this.#failFast) this.flush();
      if (this.#readers.length === 0) process.nextTick(this.#flush);
      this.#failFast = failFast;
      this.#readers.push(reader);
    });
  }

  flush(): void {
    const readers = this.#readers;
    if (readers.length === 0) return;
    this.#readers = [];
    const [first, second] = readers;
    if (first && !second) {
      this.#one(first, this.#failFast);
      return;
    }
    for (let i = 0; i < readers.length; i += KEYS_MAX)
      this.#many(readers.length <= KEYS_MAX ? readers : readers.slice(i, i + KEYS_MAX), this.#failFast);
  }

  #one({ key, resolve, reject }: Reader, failFast: boolean): void {
    this.#send('GET', [key], failFast, resolve as (reply: unknown) => void, (error) => {
      if (error instanceof CommandError && error.code === 'WRONGTYPE') resolve(null);
      else reject(error);
    });
  }

  #many(readers: readonly Reader[], failFast: boolean): void {
    const keys = readers.map(({ key }) => key);
    const resolve = (reply: unknown): void => {
      const values = reply as readonly (Buffer | null)[];
      for (let i = 0; i < readers.length; i++) (readers[i] as Reader).resolve(values[i] ?? null);
    };
    this.#send('MGET', keys, failFast, resolve, (error) => {
      if (!(error instanceof CommandError)) for (const { reject } of readers) reject(error);
      else for (const reader of readers) this.#one(reader, failFast);
    });
  }
}
