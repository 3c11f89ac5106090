/** The public types of connections; `client/api/types.ts` gives them on. Time is in milliseconds. */
import type { Redis } from 'ioredis';

/**
 * Guarantee that an acknowledgement gives. `async`: that of Redis alone. An object: at least `replicas` replicas confirmed the write
 * (WAIT), so that a crash or hang of the master does not lose it. A manual SENTINEL FAILOVER may promote a replica that did not
 * confirm: to exclude a loss there too, let `replicas` cover all replicas that may be promoted, or use a switchover that waits
 * for equal offsets.
 */
export type Durability = 'async' | { readonly replicas: number; readonly timeoutMs: number };

/** Where a server listens. */
export interface Address {
  /** Name or IP address; default 127.0.0.1. */
  readonly host: string;
  /** Default 6379. */
  readonly port: number;
}

/** With it, even empty, the connection is encrypted and the server's certificate verified. */
export interface TlsOptions {
  /** PEM. Without it the system's roots are used. */
  readonly ca?: string;
  /** PEM. The client's certificate, where the server asks for one. */
  readonly cert?: string;
  /** PEM. The key of `cert`. */
  readonly key?: string;
  /** Name to verify the certificate against, where it is not the host that is connected to. */
  readonly serverName?: string;
}

/**
 * User name or password: a fixed string, or a function that every connection calls when it connects (IAM and Entra tokens, rotated
 * passwords). If it throws, or returns nothing within `connectTimeoutMs`, waiting commands fail with that reason; retries are
 * delayed by 250 ms at first and at most 5000 ms.
 */
export type Credential = string | (() => string | Promise<string>);

/** Options of every connection. */
export interface ConnectionOptions {
  /** ACL user; default: Redis's `default`. */
  readonly username?: Credential;
  /** Default: none is sent. */
  readonly password?: Credential;
  /** Database number; default 0; a cluster has no other. */
  readonly db?: number;
  /** Default: no TLS. For the sentinels too. */
  readonly tls?: TlsOptions;
  /** Longest time, in ms, to a connection that answers; at most 5000; default 1000. */
  readonly connectTimeoutMs?: number;
  /**
   * Deadline of one command, in ms, queue included; at most 5000; default 1000. Time in which this process stood still (a blocked
   * event loop) does not count.
   */
  readonly commandTimeoutMs?: number;
  /**
   * How long a connection may be silent while it owes an answer, in ms, before it is suspected of hanging and others are asked; at most
   * 5000; default 150, and four times the usual answer's time where that is longer. Bytes that arrive end the silence; a command of
   * more than 16 kB may take a millisecond per 1000 bytes longer.
   */
  readonly hangSuspectedMs?: number;
  /**
   * Connections to the master, at most 16; default 1. One connection carries any number of concurrent commands; use more if values are
   * so large that one socket is the bottleneck. Not for a cluster, which has one connection per shard.
   */
  readonly poolSize?: number;
  /**
   * Commands that may be sent and not answered yet; one more is a `ClientLimitError`; default 50000. An operation on many keys sends
   * up to 2000 at a time.
   */
  readonly maxInFlight?: number;
  /**
   * Watch the connection and move it (default true). Off: a stock ioredis connection, for comparison only.
   */
  readonly supervision?: boolean;
}

/** One server. */
export interface StandaloneOptions extends ConnectionOptions {
  /** Tells it from the other modes. */
  readonly mode: 'standalone';
  /** The server. */
  readonly address: Address;
}

/** Reads from replicas. They may be older than the master's, also than one's own writes, but by no more than this. */
export interface ReplicaReads {
  /** Longest time, in ms, that an acknowledged write may be missing from a read; 20 to 60000, default 1000. */
  readonly maxStalenessMs?: number;
}

/** A master that sentinels watch and replace. */
export interface SentinelOptions extends ConnectionOptions {
  /** Tells it from the other modes. */
  readonly mode: 'sentinel';
  /** All that are known; one that answers is enough. */
  readonly sentinels: readonly Address[];
  /** Name of the monitored master; default `mymaster`. */
  readonly serviceName?: string;
  /** ACL user on the sentinels; default: none. */
  readonly sentinelUsername?: Credential;
  /** Default: none is sent to sentinels. */
  readonly sentinelPassword?: Credential;
  /** Translates announced addresses (`ip:port`) to reachable ones. */
  readonly natMap?: Readonly<Record<string, Address>>;
  /** Default: all reads are the master's. */
  readonly replicaReads?: ReplicaReads;
}

/** Redis Cluster. */
export interface ClusterOptions extends ConnectionOptions {
  /** Tells it from the other modes. */
  readonly mode: 'cluster';
  /** Some of its nodes; the others are learned from them. A cluster has no databases but 0. */
  readonly nodes: readonly Address[];
  /**
   * Translates announced addresses to reachable ones: `ip:port` or, for a node that announces one, `hostname:port`. It applies to
   * redirections too, whichever of a node's names they carry.
   */
  readonly natMap?: Readonly<Record<string, Address>>;
  /** Default: all reads are the master's. */
  readonly replicaReads?: ReplicaReads;
}

/** Target of a connection, by `mode`. */
export type RedisOptions = StandaloneOptions | SentinelOptions | ClusterOptions;

/**
 * `since` is a Unix time in ms. `suspect`: it owes an answer for longer than `hangSuspectedMs`; others are asked
 * meanwhile.
 */
export type ConnectionState =
  | { readonly kind: 'connecting'; readonly since: number; readonly attempt: number }
  | { readonly kind: 'ready'; readonly since: number; readonly master: Address }
  | { readonly kind: 'suspect'; readonly since: number; readonly master: Address; readonly reason: string }
  | { readonly kind: 'closed' };

/** State that the sentinels report. Each is polled once per second, so reading it sends no command. */
export interface SentinelStatus {
  /** Sentinels that the options name. */
  readonly configured: number;
  /** Of them, those that answered when they were last asked. */
  readonly answering: number;
  /** Answering sentinels that name the same master as the sentinel with the highest configuration epoch. */
  readonly agreeing: number;
  /** The master that they name; undefined: none is known. */
  readonly master: Address | undefined;
  /** One of them believes the master down, or is replacing it. */
  readonly troubled: boolean;
}

/**
 * A connection to whoever is master, kept alive: it never gives up, it leaves a master that hangs, is deposed or is gone,
 * and it asks all sentinels (and, in an outage, the replicas) side by side, so that no hung one delays it.
 *
 * A write that was sent and not answered is rejected with `OutcomeUnknownError`; it is never sent twice.
 */
export interface SupervisedConnection {
  /** As of now; `on` tells of changes. */
  readonly state: ConnectionState;
  /** State that the sentinels report; undefined without sentinels. */
  sentinels?(): SentinelStatus | undefined;
  /**
   * Sends one command to the current master, within `commandTimeoutMs` from the call.
   *
   * @throws OutcomeUnknownError sent, no answer
   * @throws NotSentError no master within the deadline: certainly not applied
   * @throws CommandError the server answered with an error (`code`: `WRONGTYPE`, `NOREPLICAS`, …)
   */
  call(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /** As `call`, replies as Buffers. */
  callBuffer(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /**
   * Writes with a promise: the command, then WAIT, on a connection of its own, several writers sharing one WAIT.
   *
   * @returns the reply and how many replicas confirmed
   * @throws DurabilityError fewer replicas confirmed in time: applied on the master, its survival unknown
   */
  callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly (string | number | Buffer)[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }>;
  /**
   * Current ioredis instance, for features that this interface does not cover. It changes with every failover. In a cluster it is
   * the instance of one of the masters.
   */
  current(): Redis | undefined;
  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: ConnectionEvent) => void): () => void;
  /** Ends it; commands that wait are rejected with `ClosedError`. */
  close(): Promise<void>;
}

/** Events of a connection. `outageMs`: time without a connection. */
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
