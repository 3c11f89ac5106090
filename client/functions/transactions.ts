/**
 * Compare-and-write with plain commands, for servers that take neither functions nor scripts: WATCH, look, MULTI … EXEC on the shared
 * connection.
 *
 *   changes that come while a transaction is under way ─▶ one transaction for all of them (in a Cluster for those of one slot)
 *
 * EXEC ends every WATCH of its connection, so that there is one transaction at a time; it carries up to `BATCH_MAX` changes, so that
 * a change waits for one before it, not for each. A transaction that is refused, or whose keys others changed, is divided: one
 * change does not hold up the others. A transaction whose connection is replaced on the way writes nothing.
 *
 * A user without WATCH, MULTI or EXEC compares, then writes: a write by others in the one round trip between is overwritten.
 */
import type { CacheConnection } from '../connection/index.ts';
import type { Argument } from '../connection/link.ts';
import { isUnavailable } from '../connection/reply-error.ts';
import { CommandError } from '../errors.ts';

export type Command = readonly [name: string, ...args: Argument[]];

export interface Change {
  /** All in one slot. */
  readonly keys: readonly string[];
  readonly looks: readonly Command[];
  /** What to write, by the looks' replies (Buffers); undefined: nothing. */
  readonly decide: (replies: readonly unknown[]) => readonly Command[] | undefined;
}

interface Waiting extends Change {
  readonly resolve: (isWritten: boolean) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

/** Of each change: whether it was written, or why not. `conflict`: others changed one of the keys. */
type Outcome = 'conflict' | readonly (boolean | Error)[];

/** Changes in one transaction. */
const BATCH_MAX = 200;
/** How often a change is tried that others come between. */
const ATTEMPTS = 3;

export class Transactions {
  readonly #connection: CacheConnection;
  /** By the connection that carries them. */
  readonly #queues = new WeakMap<CacheConnection, Waiting[]>();
  /** WATCH, MULTI or EXEC is denied. */
  #isClosed = false;
  /** Connections that have EXEC: without it a MULTI would never end, and take the answers of all commands that follow. */
  readonly #checked = new WeakSet<object>();

  constructor(connection: CacheConnection) {
    this.#connection = connection;
    connection.on((event) => {
      if (event.type === 'ready') this.#isClosed = false;
    });
  }

  /** False: nothing was written, by decision or because others kept changing one of the keys. */
  run(change: Change): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const connection = this.#connection.at(change.keys[0] ?? '');
      const waiting = { ...change, resolve, reject, attempts: 0 };
      const queue = this.#queues.get(connection);
      if (queue) queue.push(waiting);
      else {
        const started = [waiting];
        this.#queues.set(connection, started);
        // Those of one tick share the first transaction too.
        process.nextTick(() => void this.#drain(connection, started));
      }
    });
  }

  async #drain(connection: CacheConnection, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await this.#runBatch(connection, takeBatch(queue, this.#connection.slotOf));
    this.#queues.delete(connection);
  }

  /** Settles all of them. Never rejects. */
  async #runBatch(connection: CacheConnection, batch: readonly Waiting[]): Promise<void> {
    let outcome: Outcome;
    try {
      await this.#checkExec(connection);
      outcome = this.#isClosed
        ? await compareThenWrite(connection, batch)
        : await transact(connection, batch);
    } catch (error) {
      if (!this.#isClosed && isDenied(error)) {
        this.#isClosed = true;
        await this.#runBatch(connection, batch);
      } else if (batch.length > 1 && isAboutOne(error)) await this.#runHalves(connection, batch);
      else for (const { reject } of batch) reject(error);
      return;
    }
    if (outcome !== 'conflict') {
      for (const [i, { resolve, reject }] of batch.entries()) {
        const result = outcome[i];
        if (result instanceof Error) reject(result);
        else resolve(result === true);
      }
    } else if (batch.length > 1) await this.#runHalves(connection, batch);
    else for (const change of batch) await this.#retry(connection, change);
  }

  async #checkExec(connection: CacheConnection): Promise<void> {
    const redis = connection.current();
    if (this.#isClosed || redis === undefined || this.#checked.has(redis)) return;
    try {
      await requesterOf(connection)('EXEC');
    } catch (error) {
      if (isUnavailable(error)) this.#isClosed = true;
      // Without a MULTI it is refused, in other words.
      else if (error instanceof CommandError) this.#checked.add(redis);
      else throw error;
    }
  }

  async #runHalves(connection: CacheConnection, batch: readonly Waiting[]): Promise<void> {
    const half = Math.ceil(batch.length / 2);
    await this.#runBatch(connection, batch.slice(0, half));
    await this.#runBatch(connection, batch.slice(half));
  }

  async #retry(connection: CacheConnection, change: Waiting): Promise<void> {
    change.attempts += 1;
    if (change.attempts < ATTEMPTS) await this.#runBatch(connection, [change]);
    else change.resolve(false);
  }
}

/** The longest beginning of the queue's order in which no key comes twice; in a Cluster of the first one's slot. */
function takeBatch(queue: Waiting[], slotOf: CacheConnection['slotOf']): readonly Waiting[] {
  const slot = slotOf?.(queue[0]?.keys[0] ?? '');
  const keys = new Set<string>();
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  for (const change of queue) {
    const fits =
      batch.length < BATCH_MAX &&
      !change.keys.some((key) => keys.has(key)) &&
      slotOf?.(change.keys[0] ?? '') === slot;
    (fits ? batch : rest).push(change);
    // What stays behind keeps its keys' order.
    for (const key of change.keys) keys.add(key);
  }
  queue.splice(0, queue.length, ...rest);
  return batch;
}

async function transact(connection: CacheConnection, batch: readonly Waiting[]): Promise<Outcome> {
  const request = requesterOf(connection);
  const before = connection.current();
  if (connection.state.kind !== 'ready') return batch.map(() => false);
  const asked = [
    request('WATCH', ...batch.flatMap(({ keys }) => keys)),
    ...batch.flatMap(({ looks }) => looks.map((look) => request(...look))),
  ];
  try {
    const [, ...replies] = await Promise.all(asked);
    // A connection that was replaced in between has lost the WATCH.
    const isSame = connection.current() === before && connection.state.kind === 'ready';
    const decided = isSame ? decide(batch, replies) : [];
    if (decided.every((writes) => writes === undefined)) {
      await request('UNWATCH');
      return batch.map(() => false);
    }
    return await execute(request, batch, decided);
  } catch (error) {
    // What is watched now would undo the next transaction.
    await Promise.allSettled([...asked, request('UNWATCH')]);
    throw error;
  }
}

type Request = (name: string, ...args: readonly Argument[]) => Promise<unknown>;

/** Sent now or not at all: a part of a transaction is void without the others. */
const requesterOf =
  (connection: CacheConnection): Request =>
  (name, ...args) =>
    connection.request(name, args, { buffers: true, once: true });

function decide(
  batch: readonly Waiting[],
  replies: readonly unknown[],
): readonly (readonly Command[] | undefined)[] {
  let at = 0;
  return batch.map((change) => {
    const seen = replies.slice(at, at + change.looks.length);
    at += change.looks.length;
    return change.decide(seen);
  });
}

async function execute(
  request: Request,
  batch: readonly Waiting[],
  decided: readonly (readonly Command[] | undefined)[],
): Promise<Outcome> {
  const writes = decided.flatMap((commands) => commands ?? []);
  const sent = [request('MULTI'), ...writes.map((command) => request(...command)), request('EXEC')];
  const executed = (await Promise.all(sent)).at(-1);
  if (!Array.isArray(executed)) return 'conflict';
  let at = 0;
  return batch.map((_, i) => {
    const commands = decided[i];
    if (!commands) return false;
    const results = executed.slice(at, at + commands.length) as unknown[];
    at += commands.length;
    const failure = results.find((result) => result instanceof Error);
    return failure ? new CommandError(failure.message, failure) : true;
  });
}

async function compareThenWrite(connection: CacheConnection, batch: readonly Waiting[]): Promise<Outcome> {
  const request = requesterOf(connection);
  const replies = await Promise.all(batch.flatMap(({ looks }) => looks.map((look) => request(...look))));
  const decided = decide(batch, replies);
  return Promise.all(
    decided.map(async (commands) => {
      if (!commands) return false;
      const results = await Promise.allSettled(commands.map((command) => request(...command)));
      const failure = results.find((result) => result.status === 'rejected');
      return failure ? (failure.reason as Error) : true;
    }),
  );
}

/** One change is refused, and the others with it: not because of the server's state. */
const isAboutOne = (error: unknown): boolean => error instanceof CommandError && !error.retryable;

/** The user may not use transactions, or there are none. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof CommandError)) return false;
  return /['`](watch|unwatch|multi|exec)['`]/i.test(error.message);
}
