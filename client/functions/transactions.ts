import { CommandError, NotSentError } from '../api/errors.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { Argument } from '../transport/commands.ts';
import type { Link } from '../transport/link.ts';
import { isUnavailable } from '../transport/reply-error.ts';
import { type Carrier, laneCarrier, type Send, sharedCarrier } from './carrier.ts';

export type Command = readonly [name: string, ...args: Argument[]];

export interface Change {
  /** Keys, all in one slot. */
  readonly keys: readonly string[];
  readonly looks: readonly Command[];
  /** Determines the writes from the replies (Buffers) to the reads; undefined if there is nothing to write. */
  readonly decide: (replies: readonly unknown[]) => readonly Command[] | undefined;
}

interface Waiting extends Change {
  readonly resolve: (isWritten: boolean) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

/**
 * Outcome of a transaction. One result per change: whether it was written, or the error. `conflict`: another client
 * changed one of the keys.
 */
type Outcome = 'conflict' | readonly (boolean | Error)[];

/** Maximum number of changes in one transaction. */
const BATCH_MAX = 200;
/** Maximum number of attempts for a change, if other clients change its keys at the same time. */
const ATTEMPTS = 3;
/** Another connection is opened once this many changes are waiting for one connection. */
const LANE_BACKLOG = 8;
const LANES_MAX = 8;

/** Queue of one connection; in a cluster there is one per shard. */
interface Queue {
  readonly connection: CacheConnection;
  readonly waiting: Waiting[];
  readonly lanes: Set<Link>;
  /** Number of lanes, open or being opened. */
  opened: number;
  isDraining: boolean;
}

export class Transactions {
  readonly #connection: CacheConnection;
  readonly #queues = new Map<CacheConnection, Queue>();
  /** Whether WATCH, MULTI or EXEC is denied. */
  #isWatchDenied = false;
  /**
   * Connections on which EXEC is known to be allowed. Without EXEC, a MULTI would never end, and would swallow the
   * replies to all later commands.
   */
  readonly #checked = new WeakSet<object>();

  constructor(connection: CacheConnection) {
    this.#connection = connection;
    connection.on((event) => {
      if (event.type === 'ready') this.#isWatchDenied = false;
      if (event.type === 'closed')
        for (const { lanes } of this.#queues.values()) for (const link of lanes) link.destroy('closed');
    });
  }

  /**
   * Runs a change. Returns false if nothing was written, either because `decide` returned no writes or because of
   * repeated concurrent changes.
   *
   * @throws NotSentError if there is no master, or the master has changed: nothing was written
   */
  run(change: Change): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const connection = this.#connection.at(change.keys[0] ?? '');
      let queue = this.#queues.get(connection);
      if (!queue) {
        queue = { connection, waiting: [], lanes: new Set(), opened: 0, isDraining: false };
        this.#queues.set(connection, queue);
      }
      queue.waiting.push({ ...change, resolve, reject, attempts: 0 });
      if (!queue.isDraining) void this.#drainShared(queue);
    });
  }

  async #drainShared(queue: Queue): Promise<void> {
    queue.isDraining = true;
    // Waiting for the end of the tick lets all changes of the tick share the first transaction.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const carrier = sharedCarrier(queue.connection);
    // The queue is checked again after each drain, because changes that arrive as a drain ends would otherwise not be
    // drained.
    while (queue.waiting.length > 0) await this.#drain(queue, carrier);
    queue.isDraining = false;
    this.#forget(queue);
  }

  async #drain(queue: Queue, carrier: Carrier): Promise<void> {
    while (queue.waiting.length > 0) {
      const batch = takeBatch(queue.waiting, this.#connection.slotOf);
      if (this.#connection.slotOf) this.#widen(queue);
      await this.#runBatch(carrier, batch);
    }
  }

  /** Opens more lanes. One transaction carries only changes in one slot, so many slots need many transactions. */
  #widen(queue: Queue): void {
    const wanted = Math.min(LANES_MAX, Math.floor(queue.waiting.length / LANE_BACKLOG));
    while (queue.opened < wanted) {
      queue.opened += 1;
      void this.#runLane(queue).finally(() => {
        queue.opened -= 1;
        this.#forget(queue);
      });
    }
  }

  async #runLane(queue: Queue): Promise<void> {
    let link: Link;
    try {
      link = await queue.connection.subscriber();
    } catch {
      // Without this lane, the existing connections carry all changes, as before.
      return;
    }
    queue.lanes.add(link);
    await this.#drain(queue, laneCarrier(queue.connection, link));
    queue.lanes.delete(link);
    link.destroy('no transaction waits');
  }

  /** Drops an empty queue, so that no queue remains for a cluster shard that has been replaced. */
  #forget(queue: Queue): void {
    if (!queue.isDraining && queue.opened === 0 && queue.waiting.length === 0)
      this.#queues.delete(queue.connection);
  }

  /** Runs a batch and settles all of its changes. Never rejects. */
  async #runBatch(carrier: Carrier, batch: readonly Waiting[]): Promise<void> {
    let outcome: Outcome;
    try {
      await this.#checkExec(carrier);
      outcome = this.#isWatchDenied
        ? await compareThenWrite(carrier, batch)
        : await runTransaction(carrier, batch);
    } catch (error) {
      if (!this.#isWatchDenied && isDenied(error)) {
        this.#isWatchDenied = true;
        await this.#runBatch(carrier, batch);
      } else if (batch.length > 1 && isAboutOne(error)) await this.#runHalves(carrier, batch);
      else for (const { reject } of batch) reject(error);
      return;
    }
    if (outcome !== 'conflict') {
      for (const [i, { resolve, reject }] of batch.entries()) {
        const result = outcome[i];
        if (result instanceof Error) reject(result);
        else resolve(result === true);
      }
    } else if (batch.length > 1) await this.#runHalves(carrier, batch);
    else for (const change of batch) await this.#retry(carrier, change);
  }

  async #checkExec({ send, session }: Carrier): Promise<void> {
    const current = session();
    if (this.#isWatchDenied || current === undefined || this.#checked.has(current)) return;
    try {
      await send('EXEC');
    } catch (error) {
      if (isUnavailable(error)) this.#isWatchDenied = true;
      // EXEC without MULTI always fails. If the error does not report a missing permission, EXEC is allowed.
      else if (error instanceof CommandError) this.#checked.add(current);
      else throw error;
    }
  }

  async #runHalves(carrier: Carrier, batch: readonly Waiting[]): Promise<void> {
    const half = Math.ceil(batch.length / 2);
    await this.#runBatch(carrier, batch.slice(0, half));
    await this.#runBatch(carrier, batch.slice(half));
  }

  async #retry(carrier: Carrier, change: Waiting): Promise<void> {
    change.attempts += 1;
    if (change.attempts < ATTEMPTS) await this.#runBatch(carrier, [change]);
    else change.resolve(false);
  }
}

/**
 * Takes the changes that can share one transaction: no key occurs twice, and in a cluster all changes are in the slot
 * of the first one. The other changes stay in the queue.
 */
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
    // A later change to the same key waits for this change.
    for (const key of change.keys) keys.add(key);
  }
  queue.splice(0, queue.length, ...rest);
  return batch;
}

async function runTransaction({ send, session }: Carrier, batch: readonly Waiting[]): Promise<Outcome> {
  const before = session();
  if (before === undefined) throw new NotSentError('WATCH: no master');
  const asked = [
    send('WATCH', ...batch.flatMap(({ keys }) => keys)),
    ...batch.flatMap(({ looks }) => looks.map((look) => send(...look))),
  ];
  try {
    const [, ...replies] = await Promise.all(asked);
    // The connection was replaced, so the WATCH is no longer in effect.
    if (session() !== before) throw new NotSentError('MULTI: the connection was replaced');
    const decided = decideWrites(batch, replies);
    if (decided.every((writes) => writes === undefined)) {
      await send('UNWATCH');
      return batch.map(() => false);
    }
    return await executeBatch(send, batch, decided);
  } catch (error) {
    // A key that is still watched would abort the next transaction.
    await Promise.allSettled([...asked, send('UNWATCH')]);
    throw error;
  }
}

function decideWrites(
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

async function executeBatch(
  send: Send,
  batch: readonly Waiting[],
  decided: readonly (readonly Command[] | undefined)[],
): Promise<Outcome> {
  const writes = decided.flatMap((commands) => commands ?? []);
  const sent = [send('MULTI'), ...writes.map((command) => send(...command)), send('EXEC')];
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

async function compareThenWrite({ send }: Carrier, batch: readonly Waiting[]): Promise<Outcome> {
  const replies = await Promise.all(batch.flatMap(({ looks }) => looks.map((look) => send(...look))));
  const decided = decideWrites(batch, replies);
  return Promise.all(
    decided.map(async (commands) => {
      if (!commands) return false;
      const results = await Promise.allSettled(commands.map((command) => send(...command)));
      const failure = results.find((result) => result.status === 'rejected');
      return failure ? (failure.reason as Error) : true;
    }),
  );
}

/**
 * Whether an error concerns a single change rather than the state of the server. All changes of the transaction are
 * rejected together.
 */
const isAboutOne = (error: unknown): boolean => error instanceof CommandError && !error.retryable;

/** Whether transactions are not available, or the user has no permission for them. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof CommandError)) return false;
  return /['`](watch|unwatch|multi|exec)['`]/i.test(error.message);
}
