/**
 * Redis operations of the cache. Every operation goes through the breaker and is timed and counted. If the server runs
 * procedures, each operation sends one command (`functions/procedures.ts`).
 */
import { createHash } from 'node:crypto';
import {
  ClientLimitError,
  CommandError,
  isConnectivityError,
  isServerFailure,
  NotSentError,
} from '../api/errors.ts';
import type { Durability } from '../api/types.ts';
import { ABSENT, Procedures, type ScriptingTerms } from '../functions/procedures.ts';
import { SetOrGet } from '../functions/set-or-get.ts';
import { type Command, Transactions } from '../functions/transactions.ts';
import { bySlot, type SlotOf } from '../invalidation/slots.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { Argument, CallOptions } from '../transport/commands.ts';
import { isUnavailable } from '../transport/reply-error.ts';
import { now } from '../transport/timing.ts';
import type { Breaker } from './breaker.ts';
import type { Statistics } from './statistics.ts';

export class Remote {
  readonly connection: CacheConnection;
  /** Typical latency of a command, in ms, as a moving average. */
  typicalMs = 0;
  readonly procedures: Procedures;
  readonly transactions: Transactions;
  readonly setOrGet: SetOrGet;
  readonly #breaker: Breaker;
  readonly #statistics: Statistics;
  /** Time at which the client connected to the current master (monotonic clock, in ms). */
  #readyAt = Number.NEGATIVE_INFINITY;
  /** Options for reads that memory can answer. Such reads do not wait for a master. */
  readonly #read: CallOptions;

  constructor(
    connection: CacheConnection,
    breaker: Breaker,
    statistics: Statistics,
    failFast: boolean,
    scripting: ScriptingTerms,
  ) {
    this.connection = connection;
    this.procedures = new Procedures(connection, scripting);
    this.transactions = new Transactions(connection);
    this.setOrGet = new SetOrGet((command, args) =>
      connection.request(command, args, { buffers: true, failFast: true }),
    );
    this.#breaker = breaker;
    this.#statistics = statistics;
    this.#read = { buffers: true, failFast, replica: true };
    connection.on(({ type }) => {
      if (type === 'ready') this.#readyAt = now();
    });
  }

  get(key: string): Promise<Buffer | null> {
    return this.guarded('get', () => this.connection.get(key, this.#read.failFast));
  }

  /**
   * Returns one element per key. In a cluster with the memory fallback, the element for a key is undefined if the shard
   * of the key is unreachable while another shard replies.
   */
  async getMany(keys: readonly string[]): Promise<readonly (Buffer | null | undefined)[]> {
    return (await this.guarded('getMany', () =>
      this.connection.slotOf && this.#read.failFast
        ? this.#getBySlot(keys, this.connection.slotOf)
        : this.connection.request('MGET', keys, this.#read),
    )) as (Buffer | null | undefined)[];
  }

  async #getBySlot(keys: readonly string[], slotOf: SlotOf): Promise<readonly unknown[]> {
    const values = new Array<unknown>(keys.length);
    const groups = bySlot([...keys.keys()], (i) => keys[i] as string, slotOf);
    const results = await Promise.allSettled(
      groups.map(async (places) => {
        const asked = places.map((i) => keys[i] as string);
        const replies = (await this.connection.request('MGET', asked, this.#read)) as readonly unknown[];
        for (const [n, i] of places.entries()) values[i] = replies[n];
      }),
    );
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    const refused = failures.find((error) => !isConnectivityError(error));
    if (refused !== undefined || failures.length === groups.length) throw refused ?? failures[0];
    return values;
  }

  /** Stores an entry. `failFast`: does not wait for a master. */
  set(key: string, payload: Buffer, ttlSeconds: number | null, failFast: boolean): Promise<unknown> {
    const args = setCommand(key, payload, ttlSeconds);
    return this.guarded('set', () => this.connection.request('SET', args, { failFast }));
  }

  /** Stores an entry durably. Returns the number of replicas that confirmed it. */
  async setDurable(
    key: string,
    payload: Buffer,
    ttlSeconds: number | null,
    durability: Exclude<Durability, 'async'>,
  ): Promise<number> {
    const args = setCommand(key, payload, ttlSeconds);
    const { replicas } = await this.guarded('set', () =>
      this.connection.callDurable(durability, 'SET', ...args),
    );
    return replicas;
  }

  /** Returns the remaining TTL in ms; -1: no expiry, -2: no entry. */
  async pttl(key: string): Promise<number> {
    return Number(
      await this.guarded('ttl', () =>
        this.connection.request('PTTL', [key], { failFast: this.#read.failFast === true }),
      ),
    );
  }

  /** Stores an entry if the key is absent. Returns false if an entry exists. */
  async setIfAbsent(
    key: string,
    payload: Buffer,
    ttlSeconds: number | null,
    durability: Durability,
  ): Promise<boolean> {
    const args = [...setCommand(key, payload, ttlSeconds), 'NX'];
    const reply = await this.guarded('setIfAbsent', async () =>
      durability === 'async'
        ? this.connection.request('SET', args)
        : (await this.connection.callDurable(durability, 'SET', ...args)).reply,
    );
    return reply !== null;
  }

  /** Reads from the master, even with `replicaReads`. */
  async getFromMaster(key: string): Promise<Buffer | null> {
    const call = { buffers: true, failFast: this.#read.failFast === true };
    return (await this.guarded('get', () => this.connection.request('GET', [key], call))) as Buffer | null;
  }

  /**
   * Changes the remaining TTL of an entry, unless the entry has changed since it was read. `payload`: the new bytes of
   * the entry, if they change.
   *
   * @returns false if the entry has changed and nothing was written
   */
  async update(key: string, read: Buffer, ms: number | null, payload: Buffer | undefined): Promise<boolean> {
    const { procedures, transactions } = this;
    return this.guarded('expire', async () => {
      const reply = await procedures.run('update', [key], [sha1(read), ms ?? 0, payload ?? '']);
      if (reply !== ABSENT) return Number(reply) === 1;
      const write = (command: Command): Promise<boolean> =>
        transactions.run({
          keys: [key],
          looks: [['GET', key]],
          decide: ([stored]) => (Buffer.isBuffer(stored) && stored.equals(read) ? [command] : undefined),
        });
      const rewrite: Command = ['SET', key, payload ?? read, ...(ms === null ? [] : ['PX', ms])];
      if (payload) return write(rewrite);
      return write(ms === null ? ['PERSIST', key] : ['PEXPIRE', key, ms]).catch((error: unknown) => {
        if (!isUnavailable(error)) throw error;
        return write(rewrite);
      });
    });
  }

  /**
   * Deletes entries. Loads of these keys that are in flight in any process do not store their results. Returns the
   * number of entries that existed; an absent entry that is being loaded counts as one.
   */
  async delete(keys: readonly string[]): Promise<number> {
    return Number(await this.guarded('delete', () => this.connection.request('UNLINK', keys)));
  }

  async ping(): Promise<number> {
    const startedAt = now();
    try {
      await this.connection.call('PING');
    } catch (error) {
      // A refusal is a reply and has the same latency as a success.
      if (!isUnavailable(error)) throw error;
    }
    return now() - startedAt;
  }

  /** Deletes keys without going through the breaker, for recovery before the first read. */
  async replay(keys: readonly string[]): Promise<void> {
    await this.connection.request('UNLINK', keys, { failFast: true });
  }

  /** Deletes an entry, unless it has changed since it was read. */
  async purge(key: string, read: Buffer): Promise<boolean> {
    const { connection, procedures, transactions } = this;
    if (connection.at(key).state.kind !== 'ready') return false;
    const reply = await procedures.run('purge', [key], [sha1(read)], { once: true });
    if (reply !== ABSENT) return Number(reply) === 1;
    return transactions.run({
      keys: [key],
      looks: [['GET', key]],
      decide: ([stored]) => (Buffer.isBuffer(stored) && stored.equals(read) ? [['UNLINK', key]] : undefined),
    });
  }

  /**
   * Runs an operation through the breaker, and counts and times it. Not async, because an additional promise per
   * command would add latency.
   */
  guarded<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const permit = this.#breaker.permit();
    if (permit === 'refused') {
      const { state } = this.#breaker;
      const reason = state.kind === 'open' ? ` (${state.cause})` : '';
      return Promise.reject(new NotSentError(`${operation}: the circuit breaker is open${reason}`));
    }
    const startedAt = now();
    return run().then(
      (result) => {
        const tookMs = now() - startedAt;
        this.#breaker.success(permit);
        this.#statistics.observe(operation, tookMs);
        this.typicalMs += (tookMs - this.typicalMs) / 16;
        return result;
      },
      (error: unknown) => {
        this.#statistics[error instanceof ClientLimitError ? 'limited' : 'errors'] += 1;
        // A shard that is known to be unreachable fails immediately, and does not count against the other shards.
        const away = error instanceof NotSentError && this.connection.serves?.() === true;
        // A call that began while the previous master was in use does not count against its successor.
        const isOutdated = startedAt < this.#readyAt;
        if (error instanceof ClientLimitError || isOutdated) this.#breaker.abstain(permit);
        else if (!isServerFailure(error)) this.#breaker.success(permit);
        else if (!away) this.#breaker.failure(permit, (error as Error).message);
        else if (permit === 'trial') this.#breaker.success(permit);
        throw error;
      },
    );
  }
}

const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

function setCommand(key: string, payload: Buffer, ttlSeconds: number | null): readonly Argument[] {
  return ttlSeconds === null
    ? [key, payload]
    : [key, payload, 'PX', Math.max(1, Math.round(ttlSeconds * 1000))];
}

/** Whether the key holds a type other than a string, and therefore was not written by this cache. */
export function isForeignType(error: unknown): boolean {
  return error instanceof CommandError && error.code === 'WRONGTYPE';
}
