/**
 * One TCP connection to one node. A link never reconnects: a lost link is replaced by another, so commands that were
 * sent on the old link are not repeated by accident.
 *
 * ioredis logs in and sends all commands except the frequent ones (`wire-connector.ts`); its own reconnecting, queueing
 * and resending are switched off. To detect hangs, the link measures how long a reply has been due.
 */
import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import type { Address, TlsOptions } from '../api/types.ts';
import { addressKey } from './address.ts';
import type { Argument } from './commands.ts';
import { Progress } from './progress.ts';
import { isReply, isUnavailable } from './reply-error.ts';
import { now, withTimeout } from './timing.ts';
import { encodeCommand, isPlain, type LinkReceiver, WireCommand } from './wire.ts';
import { type Wire, wireConnector } from './wire-connector.ts';

export interface LinkOptions {
  readonly address: Address;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: TlsOptions | undefined;
  /** Timeout for TCP, TLS and handshake together, in ms. */
  readonly timeoutMs: number;
  /** Maximum time to send a large command, in ms; default: no limit. */
  readonly sendMaxMs?: number;
  /** Protocol version. 2: for subscriptions, because ioredis drops invalidation messages in RESP3. Default 3. */
  readonly protocol?: 2;
  /** false: the link has no name in `CLIENT LIST`, which saves a command. Default true. */
  readonly isNamed?: boolean;
}

export type Role =
  | { readonly kind: 'master'; readonly replicas: readonly Address[] }
  | { readonly kind: 'replica'; readonly of: Address }
  | { readonly kind: 'unready'; readonly reason: string }
  /** The node replies, but the user has no permission for any command that reports the role. */
  | { readonly kind: 'untold'; readonly reason: string };

/** The command was not sent. */
export class UnsentError extends Error {}

/** Receives the outcome of a command that a link has sent. */
export type Receiver<T> = LinkReceiver<Link, T>;

const SETTLING: Receiver<{ resolve: (reply: unknown) => void; reject: (error: Error) => void }> = {
  answered: (_, reply, { resolve }) => resolve(reply),
  failed: (_, error, { reject }) => reject(error),
};

const links = new WeakMap<Redis, Link>();

/** Returns the typical latency of a command on the link that uses this ioredis instance, in ms; 0: unknown. */
export function latencyOf(redis: Redis | undefined): number {
  return (redis && links.get(redis)?.latencyMs) ?? 0;
}

export class Link {
  readonly address: Address;
  readonly redis: Redis;
  /** Promise that resolves with the reason why the link was closed. */
  readonly over: Promise<string>;
  readonly #progress: Progress;
  #wire: Wire | undefined;
  #endpoint: string | undefined;
  #closed: string | undefined;
  #end: (reason: string) => void = () => {};

  private constructor(address: Address, redis: Redis, sendMaxMs: number) {
    this.address = address;
    this.redis = redis;
    links.set(redis, this);
    this.#progress = new Progress(sendMaxMs);
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Opens a link and completes the handshake. Rejects, and closes everything, after `timeoutMs`. */
  static async open(options: LinkOptions): Promise<Link> {
    try {
      return await Link.#open(options, options.protocol);
    } catch (error) {
      // ioredis itself tries RESP2 only after `unknown command` and NOPROTO.
      if (options.protocol !== undefined || !isHelloUnavailable(error)) throw error;
      return Link.#open(options, 2);
    }
  }

  static async #open(options: LinkOptions, protocol: 2 | undefined): Promise<Link> {
    const { address, tls } = options;
    const wires: Wire[] = [];
    const redis = new Redis({
      Connector: wireConnector({ address, tls, sharesReplies: options.protocol === undefined }, (wire) =>
        wires.push(wire),
      ),
      host: address.host,
      port: address.port,
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.password === undefined ? {} : { password: options.password }),
      db: options.db,
      ...(protocol === undefined ? {} : { protocol }),
      lazyConnect: true,
      retryStrategy: () => null,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: null,
      connectTimeout: options.timeoutMs,
      disableClientInfo: true,
      ...(options.isNamed === false ? {} : { connectionName: 'redis-cache-kit' }),
    });
    const link = new Link(address, redis, options.sendMaxMs ?? Number.POSITIVE_INFINITY);
    let failure: Error | undefined;
    redis.on('error', (error: Error) => {
      failure ??= error;
    });
    redis.once('close', () =>
      link.destroy(failure?.message ?? 'the connection was closed by the other side'),
    );
    try {
      await withTimeout(redis.connect(), options.timeoutMs, `connecting to ${addressKey(address)}`);
      // If SELECT or AUTH is refused, ioredis only reports the error and continues, in database 0 or without a login.
      if (failure) throw failure;
      link.#use(wires[0] as Wire);
      return link;
    } catch (error) {
      const cause = failure ?? (error as Error);
      link.destroy(cause.message);
      throw cause;
    }
  }

  #use(wire: Wire): void {
    const { host, port } = wire.remote;
    this.#wire = wire;
    wire.loggedIn();
    this.#endpoint = addressKey({ host: host.replace(/^::ffff:/, ''), port });
    wire.heard = () => this.#progress.heard();
  }

  /**
   * Whether both links lead to the same node, one by host name and the other by IP address. Two host names with one IP
   * address can be two nodes behind a TLS proxy.
   */
  isOfSameNode(other: Link): boolean {
    const isIpAddress = isIP(this.address.host) !== 0;
    const isOneIpAddress = isIpAddress !== (isIP(other.address.host) !== 0);
    return isOneIpAddress && this.#endpoint !== undefined && this.#endpoint === other.#endpoint;
  }

  get closed(): string | undefined {
    return this.#closed;
  }

  /** Typical time to the first bytes of a reply, in ms. */
  get latencyMs(): number {
    return this.#progress.latencyMs;
  }

  /**
   * Returns a counter that changes while a reply is arriving and the node is not hung, or while a large command is
   * being sent.
   *
   * @param toleratedMs returns the allowed silence for a node, given its usual latency
   */
  pieces(at: number, toleratedMs: (latencyMs: number) => number): number {
    const { progress } = this;
    const goesOn = progress.isSending(at) || progress.isArriving(at, toleratedMs(progress.latencyMs));
    return goesOn ? at : progress.pieces;
  }

  /** Progress of the replies on this connection: how long a reply has been due (`progress.ts`). */
  get progress(): Progress {
    return this.#progress;
  }

  /** Sends at once, or rejects with `UnsentError`. `allowedSilenceMs`: how long the server may stay silent. */
  send(command: string, args: readonly Argument[], buffers = false, allowedSilenceMs = 0): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.dispatch(command, args, buffers, SETTLING, { resolve, reject }, allowedSilenceMs),
    );
  }

  /**
   * Like `send`, but calls the receiver instead of returning a promise, and calls it immediately if nothing can be
   * sent.
   */
  dispatch<T>(
    command: string,
    args: readonly Argument[],
    buffers: boolean,
    receiver: Receiver<T>,
    of: T,
    allowedSilenceMs = 0,
  ): void {
    const { redis } = this;
    const wire = this.#wire;
    if (this.#closed !== undefined || redis.status !== 'ready' || !wire?.isWritable) {
      this.destroy('the connection was closed by the other side');
      receiver.failed(this, new UnsentError(this.#closed), of);
      return;
    }
    const sentAt = now();
    // A single command is sent at once.
    if (!this.#progress.isIdle) wire.cork();
    this.#progress.began(sentAt, allowedSilenceMs);
    const call = new WireCommand(this, command, args, buffers, receiver, of, sentAt);
    if (wire.sharesReplies && isPlain(command)) {
      const encoded = encodeCommand(command, args);
      wire.send(call, encoded);
      this.#progress.sized(encoded.length);
      return;
    }
    this.#progress.sized(sizeOf(args));
    const answer = buffers ? redis.callBuffer(command, ...args) : redis.call(command, ...args);
    answer.then(
      (reply) => call.settle(reply),
      (error: Error) => call.reject(error),
    );
  }

  /** Reports that a reply has arrived, or will not arrive. */
  settled(sentAt: number): void {
    this.#progress.settled(sentAt);
  }

  /**
   * Queries the role of the node, and whether it serves commands (a loading node reports master, but refuses commands).
   */
  async role(): Promise<Role> {
    const [role, ping] = await Promise.allSettled([this.send('ROLE', []), this.send('PING', [])]);
    if (ping.status === 'rejected') {
      if (!isReply(ping.reason)) throw ping.reason;
      // A node that cannot save refuses PING with MISCONF but serves reads. If the user may not call PING, the
      // reply says nothing about the node.
      if (!ping.reason.message.startsWith('MISCONF') && !isUnavailable(ping.reason))
        return { kind: 'unready', reason: ping.reason.message };
    }
    if (role.status === 'fulfilled') return parseRole(role.value);
    if (isUnavailable(role.reason)) return roleWithout(this, role.reason.message);
    throw role.reason;
  }

  /** Closes immediately, without waiting for a node that may hang. ioredis rejects pending commands. */
  destroy(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.redis.disconnect();
    this.#end(reason);
  }
}

/** Whether the error means that HELLO is not available; its message depends on the server version. */
function isHelloUnavailable(error: unknown): boolean {
  const { command } = error as { readonly command?: { readonly name?: unknown } };
  return String(command?.name).toLowerCase() === 'hello' && isUnavailable(error);
}

function sizeOf(args: readonly Argument[]): number {
  return args.reduce<number>((bytes, arg) => bytes + (typeof arg === 'number' ? 1 : arg.length), 0);
}

/**
 * Returns the role of a node that rejects ROLE. Every user may send HELLO, unless it is renamed; unlike the reply to
 * INFO, the reply to HELLO does not list the replicas.
 */
async function roleWithout(link: Link, reason: string): Promise<Role> {
  try {
    const reply = await link.send('HELLO', []);
    const fields = Array.isArray(reply) ? reply.map(String) : [];
    return fields[fields.indexOf('role') + 1] === 'master'
      ? { kind: 'master', replicas: [] }
      : { kind: 'replica', of: { host: '', port: 0 } };
  } catch (error) {
    if (!isReply(error)) throw error;
  }
  try {
    return parseReplication(String(await link.send('INFO', ['replication'])));
  } catch (error) {
    if (!isReply(error)) throw error;
    return { kind: 'untold', reason: `${reason}; neither HELLO nor INFO reports the role: ${error.message}` };
  }
}

/** Parses the reply to `INFO replication`. */
export function parseReplication(text: string): Role {
  const fields = new Map(
    text.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
  const role = fields.get('role');
  if (role === 'slave')
    return {
      kind: 'replica',
      of: { host: fields.get('master_host') ?? '', port: Number(fields.get('master_port') ?? 0) },
    };
  if (role !== 'master') return { kind: 'unready', reason: `the role is ${String(role)}` };
  const replicas = [...fields].flatMap(([name, value]) => {
    const match = /^slave\d+$/.test(name) ? /^ip=([^,]+),port=(\d+)/.exec(value) : undefined;
    return match ? [{ host: match[1] as string, port: Number(match[2]) }] : [];
  });
  return { kind: 'master', replicas };
}

export function parseRole(reply: unknown): Role {
  if (!Array.isArray(reply)) return { kind: 'unready', reason: `ROLE replied ${String(reply)}` };
  const [kind, second, third] = reply as unknown[];
  if (kind === 'slave') return { kind: 'replica', of: { host: String(second), port: Number(third) } };
  if (kind !== 'master') return { kind: 'unready', reason: `the role is ${String(kind)}` };
  const listed = Array.isArray(third) ? (third as unknown[]) : [];
  return {
    kind: 'master',
    replicas: listed.flatMap((entry) =>
      Array.isArray(entry) ? [{ host: String(entry[0]), port: Number(entry[1]) }] : [],
    ),
  };
}
