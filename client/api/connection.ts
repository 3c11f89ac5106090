/** The public types of connections; `client/api/types.ts` re-exports them. Times are in milliseconds. */
import type { Redis } from 'ioredis';

/**
 * Guarantee given by an acknowledgement. `async`: only what Redis itself guarantees. An object: at least `replicas`
 * replicas have confirmed the write (WAIT), so a crash or hang of the master does not lose it. A manual SENTINEL
 * FAILOVER may promote a replica that did not confirm the write. To rule out this loss as well, set `replicas` high
 * enough to cover all replicas that may be promoted, or use a switchover that waits for equal offsets.
 */
export type Durability = 'async' | { readonly replicas: number; readonly timeoutMs: number };

/** Address of a server. */
export interface Address {
  /** Host name or IP address; default 127.0.0.1. */
  readonly host: string;
  /** Port; default 6379. */
  readonly port: number;
}

/**
 * TLS options. If they are present, even if empty, the connection is encrypted and the server's certificate is
 * verified.
 */
export interface TlsOptions {
  /** CA certificates as PEM; default: the system's CA certificates. */
  readonly ca?: string;
  /** Client certificate as PEM, for servers that require one. */
  readonly cert?: string;
  /** Private key for `cert`, as PEM. */
  readonly key?: string;
  /** Name against which the certificate is verified, if it differs from the host in the address. */
  readonly serverName?: string;
}

/**
 * User name or password: a fixed string, or a function that is called for each connection attempt (for IAM and Entra
 * tokens, or for rotated passwords). If the function throws, or returns nothing within `connectTimeoutMs`, waiting
 * commands fail with that reason; retries are delayed by 250 ms at first, and by up to 5000 ms after repeated failures.
 */
export type Credential = string | (() => string | Promise<string>);

/** Options common to all connections. */
export interface ConnectionOptions {
  /** ACL user; default: the Redis user `default`. */
  readonly username?: Credential;
  /** Password; default: none is sent. */
  readonly password?: Credential;
  /** Database number; default 0, the only database of a cluster. */
  readonly db?: number;
  /** TLS, including for the sentinels. Default: no TLS. */
  readonly tls?: TlsOptions;
  /** Maximum time, in ms, until a new connection receives its first reply; at most 5000; default 1000. */
  readonly connectTimeoutMs?: number;
  /**
   * Deadline of one command, in ms, including its time in queues; at most 5000; default 1000. Time during which this
   * process was stalled (a blocked event loop) is not counted.
   */
  readonly commandTimeoutMs?: number;
  /**
   * Time, in ms, without any bytes from the server while a reply is due, after which the connection becomes suspect and
   * other nodes are queried; at most 5000; default 150, or four times the usual latency if that is longer. Received
   * bytes restart this interval. For a command of more than 16 kB, one more millisecond per 1000 bytes is allowed.
   */
  readonly hangSuspectedMs?: number;
  /**
   * Number of connections to the master, at most 16; default 1. One connection carries any number of concurrent
   * commands; use more if values are so large that one socket is the bottleneck. Not available for a cluster, which has
   * one connection per shard.
   */
  readonly poolSize?: number;
  /**
   * Maximum number of unanswered commands. Additional commands fail with `ClientLimitError`; default 50000. An
   * operation on many keys sends up to 2000 commands at a time.
   */
  readonly maxInFlight?: number;
  /**
   * Detects failovers and hangs, and moves the connection; default true. If false, a plain ioredis connection is used,
   * for comparisons.
   */
  readonly supervision?: boolean;
}

/** Options for a connection to a single server. */
export interface StandaloneOptions extends ConnectionOptions {
  /** Selects this mode. */
  readonly mode: 'standalone';
  /** Address of the server. */
  readonly address: Address;
}

/**
 * Options for reads from replicas. Such a read may return data that is up to `maxStalenessMs` older than the data on
 * the master, and may miss recent writes, including those by this process.
 */
export interface ReplicaReads {
  /** Maximum time, in ms, during which a read may miss an acknowledged write; 20 to 60000, default 1000. */
  readonly maxStalenessMs?: number;
}

/** Options for a connection to a master that sentinels monitor and replace. */
export interface SentinelOptions extends ConnectionOptions {
  /** Selects this mode. */
  readonly mode: 'sentinel';
  /** Addresses of all known sentinels; one reachable sentinel is enough. */
  readonly sentinels: readonly Address[];
  /** Name of the monitored master; default `mymaster`. */
  readonly serviceName?: string;
  /** ACL user for the sentinels; default: none. */
  readonly sentinelUsername?: Credential;
  /** Password for the sentinels; default: none is sent. */
  readonly sentinelPassword?: Credential;
  /** Maps announced addresses (`ip:port`) to reachable ones. */
  readonly natMap?: Readonly<Record<string, Address>>;
  /** Reads from replicas; default: all reads go to the master. */
  readonly replicaReads?: ReplicaReads;
}

/** Options for a connection to a Redis Cluster. */
export interface ClusterOptions extends ConnectionOptions {
  /** Selects this mode. */
  readonly mode: 'cluster';
  /** Addresses of some of the nodes; these nodes report the others. A cluster has only database 0. */
  readonly nodes: readonly Address[];
  /**
   * Maps announced addresses to reachable ones. An announced address is `ip:port`, or `hostname:port` for a node that
   * announces a host name. The map also applies to redirections, which may name a node by its IP address or its host
   * name.
   */
  readonly natMap?: Readonly<Record<string, Address>>;
  /** Reads from replicas; default: all reads go to the master. */
  readonly replicaReads?: ReplicaReads;
}

/** Connection options, by `mode`. */
export type RedisOptions = StandaloneOptions | SentinelOptions | ClusterOptions;

/**
 * State of a connection. `since` is a Unix time in ms. `suspect`: a reply is overdue by more than `hangSuspectedMs`,
 * and other nodes are being queried.
 */
export type ConnectionState =
  | { readonly kind: 'connecting'; readonly since: number; readonly attempt: number }
  | { readonly kind: 'ready'; readonly since: number; readonly master: Address }
  | { readonly kind: 'suspect'; readonly since: number; readonly master: Address; readonly reason: string }
  | { readonly kind: 'closed' };

/**
 * State that the sentinels report. The connection polls each sentinel once per second, so reading this state sends no
 * command.
 */
export interface SentinelStatus {
  /** Number of sentinels in the options. */
  readonly configured: number;
  /** Number of sentinels that replied to their last poll. */
  readonly answering: number;
  /**
   * Number of responding sentinels that report the same master as the sentinel with the highest configuration epoch.
   */
  readonly agreeing: number;
  /** Master that the agreeing sentinels report; undefined if it is unknown. */
  readonly master: Address | undefined;
  /** Whether a sentinel reports the master as down, or is replacing it. */
  readonly troubled: boolean;
}

/**
 * Persistent connection to the current master. When the master hangs, stops or is deposed, the connection moves to the
 * next master: it queries all sentinels (and, during an outage, the replicas) in parallel, so a hung sentinel does not
 * delay it. It retries without limit.
 *
 * A write that was sent and got no reply is rejected with `OutcomeUnknownError`; it is never sent twice.
 */
export interface SupervisedConnection {
  /** Current state. Listeners added with `on` are called on each change. */
  readonly state: ConnectionState;
  /** Returns the state that the sentinels report; undefined without sentinels. */
  sentinels?(): SentinelStatus | undefined;
  /**
   * Sends one command to the current master, within `commandTimeoutMs` of the call.
   *
   * @throws OutcomeUnknownError if the command was sent and got no reply
   * @throws NotSentError if there was no master within the deadline; the command was definitely not applied
   * @throws CommandError if the server replied with an error (`code`: `WRONGTYPE`, `NOREPLICAS`, …)
   */
  call(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /** Like `call`, but returns replies as Buffers. */
  callBuffer(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /**
   * Sends a durable write, followed by WAIT, on a separate connection; several writers share one WAIT.
   *
   * @returns the reply and the number of replicas that confirmed the write
   * @throws DurabilityError if too few replicas confirmed in time: the master has applied the write, but a failover
   * might lose it
   */
  callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly (string | number | Buffer)[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }>;
  /**
   * Returns the current ioredis instance, for features that this interface does not cover. The instance changes with
   * every failover, and shares its socket with the cache. In a cluster it is the instance of one of the masters.
   */
  current(): Redis | undefined;
  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: ConnectionEvent) => void): () => void;
  /** Closes the connection; waiting commands are rejected with `ClosedError`. */
  close(): Promise<void>;
}

/** Events of a connection. `outageMs` is the time without a connection. */
export type ConnectionEvent =
  | { readonly type: 'ready'; readonly master: Address; readonly outageMs: number }
  | { readonly type: 'suspect'; readonly master: Address; readonly reason: string }
  | { readonly type: 'lost'; readonly master: Address; readonly reason: string }
  | {
      readonly type: 'moved';
      readonly from: Address;
      readonly to: Address;
      readonly learnedFrom: 'sentinel' | 'role';
    }
  | { readonly type: 'closed' };
