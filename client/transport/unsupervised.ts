/**
 * `supervision: false`: a stock ioredis connection with default options, behind the same interface, for comparisons. It
 * reconnects, queues and resends as ioredis does, with the same failures.
 */
import { Redis } from 'ioredis';
import {
  CommandError,
  DurabilityError,
  NotSentError,
  OutcomeUnknownError,
  TimeoutError,
} from '../api/errors.ts';
import type { Emitter } from '../api/events.ts';
import type {
  Address,
  ConnectionEvent,
  ConnectionState,
  Credential,
  Durability,
  SupervisedConnection,
} from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import type { Argument, CallOptions } from './commands.ts';
import { isRead } from './commands.ts';
import type { ConnectionFactory } from './connection-factory.ts';
import type { Link } from './link.ts';
import { followWhole, type PartListener } from './part.ts';
import { isReply } from './reply-error.ts';
import { now } from './timing.ts';
import { tlsOf } from './wire-connector.ts';

function unsupervisedOptions(options: ResolvedConnection) {
  const { addresses, username, password, sentinelUsername, sentinelPassword, tls, db, connectTimeoutMs } =
    options;
  const [first] = addresses as readonly [Address];
  return {
    db,
    connectTimeout: connectTimeoutMs,
    ...fixedCredentials({ username, password }),
    ...(tls === undefined ? {} : { tls: tlsOf(tls) }),
    ...(options.mode === 'standalone'
      ? first
      : {
          sentinels: addresses.map((address) => ({ ...address })),
          name: options.serviceName,
          natMap: { ...options.natMap },
          ...fixedCredentials({ sentinelUsername, sentinelPassword }),
          ...(tls === undefined ? {} : { sentinelTLS: tlsOf(tls), enableTLSForSentinelMode: true }),
        }),
  };
}

/** Returns the credentials, which are strings here: functions are refused when the options are checked. */
function fixedCredentials<K extends string>(
  credentials: Record<K, Credential | undefined>,
): Partial<Record<K, string>> {
  const given = Object.entries(credentials).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(given) as Partial<Record<K, string>>;
}

export class UnsupervisedConnection implements SupervisedConnection {
  readonly #redis: Redis;
  readonly #events: Emitter<ConnectionEvent>;
  readonly #factory: ConnectionFactory;
  readonly #pending = new Set<() => void>();
  #durable: Redis | undefined;
  #state: ConnectionState = { kind: 'connecting', since: Date.now(), attempt: 1 };

  constructor(options: ResolvedConnection, events: Emitter<ConnectionEvent>, factory: ConnectionFactory) {
    this.#events = events;
    this.#factory = factory;
    this.#redis = new Redis(unsupervisedOptions(options));
    this.#redis.on('error', () => {});
    let lostAt = now();
    let master: Address = { host: '', port: 0 };
    this.#redis.on('ready', () => {
      const { remoteAddress, remotePort } = this.#redis.stream;
      master = { host: remoteAddress ?? '', port: remotePort ?? 0 };
      this.#state = { kind: 'ready', since: Date.now(), master };
      events.emit({ type: 'ready', master, outageMs: Math.round(now() - lostAt) });
    });
    this.#redis.on('close', () => {
      if (this.#state.kind !== 'ready') return;
      lostAt = now();
      this.#state = { kind: 'connecting', since: Date.now(), attempt: 1 };
      events.emit({ type: 'lost', master, reason: 'the connection was closed' });
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  call(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args);
  }

  callBuffer(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { buffers: true });
  }

  request(command: string, args: readonly Argument[], options: CallOptions = {}): Promise<unknown> {
    const answer = options.buffers
      ? this.#redis.callBuffer(command, ...args)
      : this.#redis.call(command, ...args);
    return new Promise((resolve, reject) => {
      // ioredis drops its offline queue if it is disconnected between two attempts, so waiting commands are rejected
      // here.
      const abandoned = (): void => reject(mapError(command, new Error('the connection was closed')));
      this.#pending.add(abandoned);
      answer.then(
        (reply) => {
          this.#pending.delete(abandoned);
          resolve(reply);
        },
        (error: unknown) => {
          this.#pending.delete(abandoned);
          reject(mapError(command, error));
        },
      );
    });
  }

  at(): this {
    return this;
  }

  async get(key: string): Promise<Buffer | null> {
    try {
      return (await this.request('GET', [key], { buffers: true })) as Buffer | null;
    } catch (error) {
      if (error instanceof CommandError && error.code === 'WRONGTYPE') return null;
      throw error;
    }
  }

  async callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly Argument[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    this.#durable ??= this.#redis.duplicate().on('error', () => {});
    const write = this.#durable.call(command, ...args);
    const wait = this.#durable.wait(durability.replicas, durability.timeoutMs);
    try {
      const [reply, replicas] = await Promise.all([write, wait]);
      if (replicas >= durability.replicas) return { reply, replicas };
      throw new DurabilityError(durability.replicas, replicas, durability.timeoutMs);
    } catch (error) {
      throw error instanceof DurabilityError ? error : mapError(command, error);
    }
  }

  follow(listener: PartListener): void {
    followWhole(this.#events, listener);
  }

  current(): Redis | undefined {
    return this.#redis;
  }

  async subscriber(): Promise<Link> {
    if (this.#state.kind !== 'ready') throw new NotSentError('no connection');
    return this.#factory.subscriber(this.#state.master, false);
  }

  on(listener: (event: ConnectionEvent) => void): () => void {
    return this.#events.on(listener);
  }

  async close(): Promise<void> {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    this.#redis.disconnect();
    this.#durable?.disconnect();
    for (const abandon of this.#pending) abandon();
    this.#events.emit({ type: 'closed' });
  }
}

function mapError(command: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (isReply(error)) return new CommandError(message, error, command);
  return isRead(command)
    ? new TimeoutError(`${command}: ${message}`, error)
    : new OutcomeUnknownError(`${command}: ${message}`, error);
}
