/**
 * Several supervised connections to the same Redis behind one interface, for values so large that one socket is the
 * bottleneck.
 *
 * Commands are distributed by key, so that the commands for one key keep their order. Each member detects failovers
 * itself; the pool reports the state and the events of its first member. Left out: Redis Cluster, which has one
 * connection per shard.
 */
import type { Redis } from 'ioredis';
import type { SentinelStatus } from '../api/connection.ts';
import type {
  Address,
  ConnectionEvent,
  ConnectionState,
  Durability,
  SupervisedConnection,
} from '../api/types.ts';
import { addressKey } from './address.ts';
import type { CacheConnection } from './cache-connection.ts';
import { slotOf } from './cluster/slot.ts';
import type { Argument, CallOptions } from './commands.ts';
import type { Link } from './link.ts';
import type { PartListener } from './part.ts';

/** Commands whose keys may be spread over several connections; their replies are added up. */
const SUMMED = new Set(['UNLINK', 'DEL', 'EXISTS', 'TOUCH']);
/** Commands whose first key follows the script and the number of keys. */
const SCRIPTS = new Set(['EVAL', 'EVALSHA', 'FCALL', 'EVAL_RO', 'EVALSHA_RO', 'FCALL_RO']);

export class Pool implements CacheConnection, SupervisedConnection {
  readonly #members: readonly CacheConnection[];

  constructor(members: readonly [CacheConnection, ...CacheConnection[]]) {
    this.#members = members;
  }

  get state(): ConnectionState {
    return this.#first.state;
  }

  request(command: string, args: readonly Argument[], options?: CallOptions): Promise<unknown> {
    const parts = args.length > 1 ? this.#partsOf(command, args) : undefined;
    if (!parts) return this.#for(command, args).request(command, args, options);
    const sent = parts.members.map(([member, keys]) => member.request(command, keys, options));
    return Promise.all(sent).then(parts.join);
  }

  get(key: string, failFast?: boolean): Promise<Buffer | null> {
    return this.at(key).get(key, failFast);
  }

  call(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { replica: true });
  }

  callBuffer(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { buffers: true, replica: true });
  }

  callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly Argument[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    return this.#for(command, args).callDurable(durability, command, ...args);
  }

  at(key: string): CacheConnection {
    return this.#members[slotOf(key) % this.#members.length] as CacheConnection;
  }

  /** Follows all members. Each member is a part that covers its own keys. */
  follow(listener: PartListener): void {
    for (const member of this.#members) {
      const part = { covers: (key: string) => this.at(key) === member };
      member.follow((event) => listener(event, part));
    }
  }

  get pieces(): number {
    return this.#members.reduce((all, { pieces = 0 }) => all + pieces, 0);
  }

  /** Returns all masters that may receive commands, because members move at different times. */
  masters(): readonly Address[] | undefined {
    const masters = new Map<string, Address>();
    for (const { state } of this.#members) {
      if (state.kind !== 'ready' && state.kind !== 'suspect') return undefined;
      masters.set(addressKey(state.master), state.master);
    }
    return [...masters.values()];
  }

  sentinels(): SentinelStatus | undefined {
    return this.#first.sentinels?.();
  }

  current(): Redis | undefined {
    return this.#first.current();
  }

  subscriber(): Promise<Link> {
    return this.#first.subscriber();
  }

  on(listener: (event: ConnectionEvent) => void): () => void {
    return this.#first.on(listener);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }

  get #first(): CacheConnection {
    return this.#members[0] as CacheConnection;
  }

  /**
   * Splits a command with many keys by member, so that the commands for each key keep their order; undefined if all
   * keys use one member, or if the command cannot be split.
   */
  #partsOf(
    command: string,
    keys: readonly Argument[],
  ):
    | {
        readonly members: readonly (readonly [CacheConnection, readonly Argument[]])[];
        readonly join: (replies: readonly unknown[]) => unknown;
      }
    | undefined {
    const name = command.toUpperCase();
    if (name !== 'MGET' && !SUMMED.has(name)) return undefined;
    const places = new Map<CacheConnection, number[]>();
    for (const [place, key] of keys.entries()) {
      const member = this.at(String(key));
      const own = places.get(member);
      if (own) own.push(place);
      else places.set(member, [place]);
    }
    if (places.size === 1) return undefined;
    const members = [...places].map(
      ([member, own]) => [member, own.map((i) => keys[i] as Argument)] as const,
    );
    if (name !== 'MGET')
      return { members, join: (replies) => replies.reduce<number>((n, reply) => n + Number(reply), 0) };
    const join = (replies: readonly unknown[]): unknown => {
      const values = new Array<unknown>(keys.length);
      for (const [part, own] of [...places.values()].entries())
        for (const [n, place] of own.entries()) values[place] = (replies[part] as readonly unknown[])[n];
      return values;
    };
    return { members, join };
  }

  #for(command: string, args: readonly Argument[]): CacheConnection {
    const name = command.toUpperCase();
    const key = args[SCRIPTS.has(name) ? 2 : 0];
    // A cursor is not a key: all pages of a scan use the first member, whose events are the events of the pool.
    return key === undefined || name === 'SCAN' ? this.#first : this.at(String(key));
  }
}
