/**
 * A running environment as used by drills, faults, workloads and the switchover, on every substrate.
 *
 * A capability that a substrate lacks is absent, so a drill that needs it is NOT_MEASURED. Disposing the handle
 * releases its connections, and ends the environment only if the handle was opened by `apply` with `ephemeral: true`.
 */
import type { Redis } from 'ioredis';
import type { RotatedUsers, Rotation } from '../../config/password-rotation.ts';
import type { Secret } from '../../config/secret.ts';
import type { EnvironmentSecrets } from '../../config/secrets.ts';
import type { ClusterView } from '../redis/cluster.ts';
import type { Address, Topology } from '../topology.ts';

export interface Credentials {
  readonly username: string;
  readonly password: Secret;
}

/** PEM texts that a client needs for TLS; never the key of the CA. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: Secret;
}

/** Client mode of a topology. */
export const MODE_OF = { single: 'standalone', sentinel: 'sentinel', cluster: 'cluster' } as const;

/** Exactly the facts that a client needs to connect. */
export interface ClientEndpoints {
  readonly mode: (typeof MODE_OF)[keyof typeof MODE_OF];
  readonly serviceName: string;
  /** Addresses for a client on this host; in a cluster, the seed nodes, each of which reports the other nodes. */
  readonly redis: readonly Address[];
  readonly sentinels: readonly Address[];
  /**
   * Set if other applications also use this Redis. The client then sends only plain cache commands, and uses neither
   * leases nor channels.
   */
  readonly shared?: true;
  /** Database number; default 0. */
  readonly db?: number;
  /** Maps an announced `ip:port` to the address for this host, if they differ. */
  readonly natMap?: Readonly<Record<string, Address>>;
  /** Credentials of the app user on the Redis nodes. */
  readonly app: Credentials;
  /** Credentials of the app user on the sentinels. */
  readonly sentinel: Credentials;
  readonly tls?: TlsMaterial;
}

/** Reverts a fault. Idempotent; resolves when the node is back in its previous state (running, connected). */
export type Heal = () => Promise<void>;

export interface NodeStatus {
  readonly id: string;
  /** Address that clients on this host use. */
  readonly address: Address;
  /** Address that the other nodes use, if it differs. */
  readonly announced?: Address;
  /** Name of the node's host, if the environment is spread over several hosts. */
  readonly host?: string;
  /** `unreachable`: the node's host does not answer, so the node's state is unknown. */
  readonly state: 'running' | 'paused' | 'stopped' | 'unreachable';
  readonly pid?: number;
}

/** State of the watchdog, which is not a node: nothing connects to it, and an environment is healthy without it. */
export interface WatchdogStatus {
  /** `paused`: suspended, or on Docker without a heartbeat for about 90 s. */
  readonly state: NodeStatus['state'];
  /** Process id; absent if the watchdog is not running. */
  readonly pid?: number;
}

export interface StatusOptions {
  /**
   * Maximum age of the answer in ms; default 0. Loops accept an older answer if each read starts a program
   * (`docker inspect`), which takes CPU time from the measured processes. The answer always reflects faults that this
   * handle caused.
   */
  readonly maxAgeMs?: number;
}

/** Options for loops, and for facts that change only because of a fault. */
export const RECENT: StatusOptions = { maxAgeMs: 1_000 };

/** Rendered files of a node, secrets included: never written to evidence unchanged. */
export interface RenderedNode {
  /** Text of redis.conf or sentinel.conf. */
  readonly conf: string;
  /** Text of the ACL file. */
  readonly users: string;
}

export interface DataFolder {
  readonly path: string;
  /** Process whose mount namespace contains the path; absent for the mount namespace of this process. */
  readonly pid?: number;
}

/** Faults that a substrate can cause. Each function returns once the effect has been observed, within a time limit. */
export interface Capabilities {
  /** Kills the node as a crash would (SIGKILL, no grace period). Its data is kept. */
  kill?(nodeId: string): Promise<void>;
  /** Stops the node gracefully (SIGTERM): it writes its data to disk and exits. */
  stop?(nodeId: string): Promise<void>;
  /** Starts a killed or stopped node. It queries the sentinels first and never returns as a second master. */
  start?(nodeId: string): Promise<void>;
  /** Suspends the node (SIGSTOP): its sockets stay open, but it does not answer. */
  pause?(nodeId: string): Promise<Heal>;
  /** Delivers requests to the node and drops its replies; for an environment behind a proxy. */
  dropReplies?(nodeId: string): Promise<Heal>;
  /** Folder of the node's data, if this process may mount a small volume over parts of it. */
  dataFolder?(nodeId: string): Promise<DataFolder>;
  /** Cuts the clients behind the proxy off from the node: nothing passes in either direction. */
  cutClients?(nodeId: string): Promise<Heal>;
  disconnect?(nodeId: string): Promise<Heal>;
  /**
   * Separates a group of nodes from all others: packets between the two sides are lost, in both directions. Connections
   * within the group are unaffected, and so are connections from this host if `clientsStillReach`.
   */
  partition?(nodeIds: readonly string[], options: { readonly clientsStillReach: boolean }): Promise<Heal>;
}

/**
 * The passwords of an environment, and the files from which its nodes start. Each change is visible in this handle
 * immediately: its connections and endpoints use the current passwords.
 */
export interface PasswordStore {
  /** Returns the rotation in progress; undefined if there is none. */
  rotation(): Rotation | undefined;
  secrets(): EnvironmentSecrets;
  /** Generates new passwords; the previous passwords stay current. @throws KitError as `beginRotation` */
  begin(users: RotatedUsers): void;
  /** Swaps the current and the other passwords. */
  switch(): void;
  /** Drops the other passwords. */
  end(): void;
  /**
   * Writes the files from which the nodes start: users with both passwords or with the current ones, and the current
   * passwords for the connections of the nodes themselves.
   */
  writeFiles(accepts: 'both' | 'current'): Promise<void>;
  /**
   * Gives the current passwords to the components that log in but are not nodes: exporter, watchdog, Redis Commander.
   */
  renewParts(): Promise<void>;
}

export interface Environment extends AsyncDisposable {
  readonly name: string;
  readonly substrate: 'local' | 'docker' | 'external';
  readonly topology: Topology;
  readonly endpoints: ClientEndpoints;
  readonly capabilities: Capabilities;
  /** Versions and probed facts about the binaries or images, for the manifest. */
  readonly provenance: Readonly<Record<string, string>>;
  /** Descriptions of settings that this binary does not support; printed in the report. */
  readonly deviations: readonly string[];
  /**
   * Address at which the nodes reach this machine, if it differs from the address for connections in the other
   * direction.
   */
  readonly gateway?: string;
  /**
   * Returns an admin connection to one node (sentinels included), which the handle owns and caches. RESP2, no offline
   * queue, command timeout 2 s, no retry of commands.
   */
  admin(nodeId: string): Promise<Redis>;
  status(options?: StatusOptions): Promise<readonly NodeStatus[]>;
  /**
   * Returns the state of the watchdog; undefined if the environment has none. Absent if the kit does not run the
   * servers.
   */
  watchdogStatus?(): Promise<WatchdogStatus | undefined>;
  /**
   * Returns the node that reports ROLE master, if exactly one running node does. Undefined in a cluster, which has
   * several masters.
   */
  masterId(): Promise<string | undefined>;
  /** Slot owners of a cluster, and the reason why it is not healthy; present only if clients use cluster mode. */
  readonly cluster?: ClusterView;
  /** Returns the rendered files of every node, by node id. Absent if the kit does not run the servers. */
  rendered?(): Promise<ReadonlyMap<string, RenderedNode>>;
  /**
   * Returns the text of the sentinel.conf that a sentinel keeps, passwords included: never written to evidence unchanged.
   * The sentinel writes each changed setting into it, also those that no command reports. Absent if the kit does not run
   * the servers. @throws if the file cannot be read
   */
  keptConf?(sentinelId: string): Promise<string>;
  /** Store of the passwords; absent if the kit does not keep the passwords, or cannot rotate them. */
  readonly passwords?: PasswordStore;
  /**
   * Files and addresses that a user needs, by purpose: passwords, CA, metrics. The values are locations, never secrets.
   */
  readonly access?: Readonly<Record<string, string>>;
  /** Log files of the nodes, by node id: absolute paths, for the evidence. */
  readonly logs: ReadonlyMap<string, string>;
}
