/**
 * Compare-and-write with plain commands, for servers that have no functions: WATCH, look, MULTI … EXEC on the shared
 * connection. One at a time, because EXEC forgets every WATCH of its connection; a sequence whose connection is replaced
 * on the way writes nothing.
 */
import type { CacheConnection } from '../connection/index.ts';
import type { Argument } from '../connection/link.ts';

export type Command = readonly [name: string, ...args: Argument[]];

export class Transactions {
  readonly #connection: CacheConnection;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connection: CacheConnection) {
    this.#connection = connection;
  }

  /**
   * Writes what `decide` makes of the looks' replies (Buffers), unless one of the keys changes meanwhile. False: nothing
   * was written.
   */
  run(
    keys: readonly string[],
    looks: readonly Command[],
    decide: (replies: readonly unknown[]) => readonly Command[] | undefined,
  ): Promise<boolean> {
    const result = this.#last.then(() => this.#run(keys, looks, decide));
    this.#last = result.catch(() => {});
    return result;
  }

  async #run(
    keys: readonly string[],
    looks: readonly Command[],
    decide: (replies: readonly unknown[]) => readonly Command[] | undefined,
  ): Promise<boolean> {
    const connection = this.#connection.at(keys[0] ?? '');
    const before = connection.current();
    if (connection.state.kind !== 'ready') return false;
    const asked = [
      connection.request('WATCH', keys, { once: true }),
      ...looks.map(([name, ...args]) => connection.request(name, args, { buffers: true, once: true })),
    ];
    const [, ...replies] = await Promise.all(asked).catch(async (error: unknown) => {
      // What is watched now would undo the next sequence.
      await Promise.allSettled([...asked, connection.request('UNWATCH', [], { once: true })]);
      throw error;
    });
    // A connection that was replaced in between has forgotten the WATCH.
    const same = connection.current() === before && connection.state.kind === 'ready';
    const writes = same ? decide(replies) : undefined;
    if (writes === undefined) {
      await connection.request('UNWATCH', [], { once: true });
      return false;
    }
    const sent = [['MULTI'], ...writes, ['EXEC']] as const;
    const answers = await Promise.all(
      sent.map(([name, ...args]) => connection.request(name, args, { once: true })),
    );
    return answers.at(-1) !== null;
  }
}
