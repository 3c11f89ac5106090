/** Handle to an external Redis: its current master, or the masters of a cluster. It has no fault capabilities. */
import type { Redis } from 'ioredis';
import type { ExternalTarget } from '../../../config/external-target.ts';
import { Secret } from '../../../config/secret.ts';
import type { ClusterView } from '../../redis/cluster.ts';
import type { Topology } from '../../topology.ts';
import type { ClientEndpoints, Environment, NodeStatus } from '../environment.ts';
import type { ClusterMaster } from './cluster.ts';
import { describeAllowlist } from './command-allowlist.ts';
import { connectTo, trustedCa } from './connection.ts';
import { currentMasters as findMasters, type ReachableRedis } from './preflight.ts';

/** Time, in ms, for which the masters are cached: longer than one batch of direct reads, shorter than any failover. */
const KNOWN_FOR_MS = 1_000;

export class ExternalEnvironment implements Environment {
  readonly substrate = 'external';
  readonly name: string;
  readonly topology: Topology;
  readonly endpoints: ClientEndpoints;
  readonly capabilities = {};
  readonly provenance: Readonly<Record<string, string>>;
  readonly deviations: readonly string[];
  /** Always empty, because the logs belong to the owner of the server. */
  readonly logs: ReadonlyMap<string, string> = new Map();
  readonly cluster?: ClusterView;
  readonly #target: ExternalTarget;
  readonly #admin = new Map<string, Promise<Redis>>();
  #known: { readonly masters: Promise<readonly ClusterMaster[]>; readonly atMs: number } | undefined;

  constructor(topology: Topology, target: ExternalTarget, found: ReachableRedis) {
    this.#target = target;
    this.topology = target.mode === 'cluster' ? replaceMasters(topology, found.masters) : topology;
    if (target.mode === 'cluster') this.cluster = this.#view();
    this.name = topology.environment.name;
    this.endpoints = endpointsOf(target, found.masters);
    const places = target.addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
    this.provenance = {
      'redis-version': found.version,
      'redis-server': found.server,
      external: `${target.mode}, ${places}`,
    };
    this.deviations = [
      `external Redis: ${describeAllowlist(`${topology.environment.client.namespace}:`)}`,
      'only client.* of the configuration applies; the server configuration is unknown',
    ];
  }

  async admin(nodeId: string): Promise<Redis> {
    const open = this.#admin.get(nodeId);
    if (open !== undefined) return open;
    const opening = this.#open(nodeId);
    this.#admin.set(nodeId, opening);
    const forget = () => {
      if (this.#admin.get(nodeId) === opening) this.#admin.delete(nodeId);
    };
    opening.then((redis) => redis.on('end', forget), forget);
    return opening;
  }

  async status(): Promise<readonly NodeStatus[]> {
    return (await this.#masters()).map(({ id, address, announced }) => ({
      id,
      address,
      announced,
      state: 'running',
    }));
  }

  async masterId(): Promise<string | undefined> {
    return this.cluster === undefined ? 'redis-1' : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#admin.values()];
    this.#admin.clear();
    const closed = open.map((opening) => opening.then((redis) => redis.disconnect()));
    await Promise.allSettled(closed);
  }

  async #open(nodeId: string): Promise<Redis> {
    const master = (await this.#masters()).find(({ id }) => id === nodeId);
    if (master === undefined) throw new Error(`${nodeId} is no longer a master`);
    return connectTo(this.#target, master.address);
  }

  /** Caches the masters, so that the cluster is not queried for every key. */
  async #masters(): Promise<readonly ClusterMaster[]> {
    const nowMs = performance.now();
    if (this.#known === undefined || nowMs - this.#known.atMs > KNOWN_FOR_MS) {
      this.#known = { masters: findMasters(this.#target), atMs: nowMs };
    }
    return this.#known.masters;
  }

  #view(): ClusterView {
    return {
      shards: async () =>
        (await this.#masters()).map(({ id, slots }) => ({ master: id, slots, replicas: [] })),
      // An error is thrown if a slot has no master.
      healthProblem: async () => void (await this.#masters()),
    };
  }
}

/** Replaces the single placeholder node of the topology with the masters of a cluster. */
function replaceMasters(topology: Topology, masters: readonly ClusterMaster[]): Topology {
  const redis = masters.map(({ id, slots }, i) => ({
    role: 'redis' as const,
    id,
    index: i + 1,
    bootstrapMaster: true,
    shard: { slots: slots[0] ?? ([0, 0] as const), master: id },
  }));
  return { ...topology, redis };
}

/** Returns the facts that a client needs to connect, with the rights of the given user. */
export function endpointsOf(target: ExternalTarget, masters: readonly ClusterMaster[]): ClientEndpoints {
  const plain = ({ username, password }: ExternalTarget['app']) => ({
    // The user of a Redis without ACL users.
    username: username ?? 'default',
    password: password ?? new Secret(''),
  });
  const tls = trustedCa(target);
  return {
    mode: target.mode,
    shared: true,
    serviceName: target.serviceName,
    // A cluster client starts with the given nodes: any of them reports the others.
    redis: target.mode === 'cluster' ? target.addresses : masters.map(({ address }) => address),
    sentinels: target.mode === 'sentinel' ? target.addresses : [],
    db: target.db,
    app: plain(target.app),
    sentinel: plain(target.sentinel),
    ...(tls && { tls }),
  };
}
