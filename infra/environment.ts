/**
 * A running environment, as drills, faults, workloads and the switchover see it, whatever substrate carries it.
 *
 * A capability that a substrate does not have is absent, so that what needs it is NOT_MEASURED and not faked.
 * Disposing gives back what this handle holds (connections); it ends the environment itself only where the handle
 * was opened by `apply` with `ephemeral: true`.
 */
import type { Redis } from 'ioredis';
import type { Secret } from '../config/secret.ts';
import type { ClusterView } from './cluster.ts';
import type { Address, Topology } from './topology.ts';

export interface Credentials {
  readonly username: string;
  readonly password: Secret;
}

/** PEM texts that a client needs for TLS; the CA's key is never among them. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: Secret;
}

/** How a client speaks to a topology. */
export const MODE_OF = { single: 'standalone', sentinel: 'sentinel', cluster: 'cluster' } as const;

/** All that a client needs to connect, and nothing that it does not. */
export interface ClientEndpoints {
  readonly mode: (typeof MODE_OF)[keyof typeof MODE_OF];
  readonly serviceName: string;
  /** Addresses as a client on this host reaches them; in a cluster the seeds: any of them tells the rest. */
  readonly redis: readonly Address[];
  readonly sentinels: readonly Address[];
  /** Others use it as well: nothing is sent but what a cache alone needs, no leases, no channels. */
  readonly shared?: true;
  /** Database number; 0 where it is not said. */
  readonly db?: number;
  /** Announced `ip:port` to the address that this host reaches, where they differ. */
  readonly natMap?: Readonly<Record<string, Address>>;
  /** The app user on the Redis nodes. */
  readonly app: Credentials;
  /** The app user on the sentinels. */
  readonly sentinel: Credentials;
  readonly tls?: TlsMaterial;
}

/** Undoes a fault. Safe to call twice; resolves when the node is what it was before (running, connected). */
export type Heal = () => Promise<void>;

export interface NodeStatus {
  readonly id: string;
  /** As this host reaches it. */
  readonly address: Address;
  /** As the nodes know each other, where that is another one. */
  readonly announced?: Address;
  readonly state: 'running' | 'paused' | 'stopped';
  readonly pid?: number;
}

/** The files of a node as the kit renders them, secrets included: never written to evidence as they are. */
export interface RenderedNode {
  /** Text of redis.conf or sentinel.conf. */
  readonly conf: string;
  /** Text of the ACL file. */
  readonly users: string;
}

/** What a substrate can do to its nodes. Each returns once the effect has been observed, within a bound. */
export interface Capabilities {
  /** Ends the node as a crash would (SIGKILL, no grace). Its data stays. */
  kill?(nodeId: string): Promise<void>;
  /** Starts a node that was killed; it asks the sentinels first and never returns as a second master. */
  start?(nodeId: string): Promise<void>;
  /** Stops the node from running without ending it (SIGSTOP): sockets stay open, nothing answers. */
  pause?(nodeId: string): Promise<Heal>;
  /** Lets requests reach the node and its answers be lost; of an environment behind a proxy. */
  mute?(nodeId: string): Promise<Heal>;
  disconnect?(nodeId: string): Promise<Heal>;
  partition?(nodeIds: readonly string[], options: { readonly clientsStillReach: boolean }): Promise<Heal>;
}

export interface Environment extends AsyncDisposable {
  readonly name: string;
  readonly substrate: 'local' | 'docker' | 'attached';
  readonly topology: Topology;
  readonly endpoints: ClientEndpoints;
  readonly capabilities: Capabilities;
  /** Versions and probed facts of the binaries or images, for the manifest. */
  readonly provenance: Readonly<Record<string, string>>;
  /** What the configuration asked for and this binary could not have, in words; printed in the report. */
  readonly departures: readonly string[];
  /** An address of this machine that the nodes reach, where it is not the one by which this machine reaches them. */
  readonly gateway?: string;
  /**
   * An admin connection to one node (its own, cached by the handle; sentinels included). RESP2, no offline queue,
   * command timeout 2 s, no retry of commands.
   */
  admin(nodeId: string): Promise<Redis>;
  status(): Promise<readonly NodeStatus[]>;
  /** The node that answers ROLE as master, if exactly one running node does. Undefined in a cluster: there are several. */
  masterId(): Promise<string | undefined>;
  /** Who serves which slots, and what is missing; present where the clients speak to a cluster, and nowhere else. */
  readonly cluster?: ClusterView;
  /** Rendered files of every node, by node id; absent where the kit does not run the servers. */
  rendered?(): Promise<ReadonlyMap<string, RenderedNode>>;
  /** Files and addresses that a person needs, by purpose: passwords, CA, metrics. The values are places, never secrets. */
  readonly access?: Readonly<Record<string, string>>;
  /** Log files of the nodes, by node id: absolute paths, for the evidence. */
  readonly logs: ReadonlyMap<string, string>;
}
