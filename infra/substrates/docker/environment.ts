/** Handle to an environment of containers: connects through published loopback ports, and acts through the engine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { $ } from 'zx';
import type { PasswordSet } from '../../../config/secrets.ts';
import { RecentRead } from '../../host/recent-read.ts';
import { readRoles } from '../../operations/roles.ts';
import { AdminConnections } from '../../redis/admin.ts';
import { type ClusterView, clusterView } from '../../redis/cluster.ts';
import { masterOf } from '../../redis/role-state.ts';
import { type Topology, WATCHDOG_ID } from '../../topology.ts';
import {
  type Capabilities,
  type ClientEndpoints,
  type Environment,
  type Heal,
  MODE_OF,
  type NodeStatus,
  type PasswordStore,
  type RenderedNode,
  type StatusOptions,
  type WatchdogStatus,
} from '../environment.ts';
import { type ContainerFacts, docker, inspectReachable } from './engine.ts';
import { engineArgs } from './engines.ts';
import {
  dataFolderOf,
  disconnectNode,
  killNode,
  partitionNodes,
  pauseNode,
  startNode,
  stopNode,
} from './faults.ts';
import { awaitAnswer } from './health.ts';
import { type DockerPlan, hasHosts, type PlannedContainer, type PlannedNode, servicesOf } from './plan.ts';

/** File of a sentinel on its volume (image/node.sh). */
const KEPT_CONF = '/data/sentinel.conf';

export interface DockerEnvironmentOptions {
  readonly plan: DockerPlan;
  readonly passwords: PasswordStore;
  readonly ca: string | undefined;
  readonly provenance: Readonly<Record<string, string>>;
  readonly deviations: readonly string[];
  readonly access: Readonly<Record<string, string>>;
  /** Image with busybox, for helper containers. */
  readonly helperImage: string;
  readonly logDir: string;
  /** Returns the texts in the configuration volumes, by node id. */
  readonly rendered: () => ReadonlyMap<string, RenderedNode>;
  /** Ends the environment; only the handle that owns the environment has this function. */
  readonly end?: (() => Promise<void>) | undefined;
}

export class DockerEnvironment implements Environment {
  readonly substrate = 'docker';
  readonly name: string;
  readonly topology: Topology;
  readonly passwords: PasswordStore;
  readonly capabilities: Capabilities;
  readonly provenance: Readonly<Record<string, string>>;
  readonly deviations: readonly string[];
  readonly gateway?: string;
  readonly access: Readonly<Record<string, string>>;
  readonly cluster?: ClusterView;
  readonly #options: DockerEnvironmentOptions;
  readonly #admin: AdminConnections;
  /**
   * Recent states of the containers: a drill reads the status of the nodes many times per second, and each `docker
   * inspect` is a process (see `StatusOptions`).
   */
  readonly #containers: RecentRead<Awaited<ReturnType<typeof inspectReachable>>>;
  /** Hosts whose engines did not answer the last query. */
  #unreachable: ReadonlySet<string> = new Set();
  #disposed: Promise<void> | undefined;

  constructor(options: DockerEnvironmentOptions) {
    const { plan } = options;
    this.#options = options;
    this.#containers = new RecentRead(() => inspectReachable(plan.nodes));
    this.#admin = new AdminConnections((id) => {
      const { node, published } = this.#node(id);
      const { redis, sentinel } = options.passwords.secrets();
      const { admin } = node.role === 'redis' ? redis : sentinel;
      return { address: published, password: admin, ca: options.ca };
    });
    this.name = plan.environment.name;
    // The bridge of the data network: an internal network forwards nothing, but the host has an address in it.
    if (!hasHosts(plan)) this.gateway = plan.networks.data.subnet.replace(/\.0\/24$/, '.1');
    this.topology = plan.topology;
    this.passwords = options.passwords;
    this.provenance = options.provenance;
    this.deviations = options.deviations;
    this.access = options.access;
    const cluster = clusterView(this);
    if (cluster !== undefined) this.cluster = cluster;
    this.capabilities = {
      kill: async (id) => {
        await this.#change(() => killNode(this.#part(id)));
        this.#admin.drop(id);
      },
      stop: async (id) => {
        await this.#change(() => stopNode(this.#node(id)));
        this.#admin.drop(id);
      },
      start: async (id) => {
        await this.#change(() => startNode(this.#part(id)));
        if (id !== WATCHDOG_ID) await awaitAnswer(this, id);
      },
      pause: async (id) => {
        const heal = await this.#change(() => pauseNode(this.#part(id)));
        return this.#reconnecting(id === WATCHDOG_ID ? [] : [id], heal);
      },
      // Only root can mount, and the containers must be processes on this machine.
      ...(process.getuid?.() === 0 &&
        !hasHosts(plan) && { dataFolder: (id: string) => dataFolderOf(this.#node(id)) }),
      ...(!hasHosts(plan) && this.#networkFaults(plan)),
    };
  }

  /** Faults of the data network, which an environment with `hosts` does not have. */
  #networkFaults(plan: DockerPlan): Pick<Capabilities, 'disconnect' | 'partition'> {
    const { helperImage } = this.#options;
    return {
      disconnect: async (id) => {
        const heal = await disconnectNode(plan, this.#node(id));
        return this.#reconnecting([id], heal);
      },
      partition: async (ids, { clientsStillReach }) => {
        if (clientsStillReach) return await partitionNodes(plan, ids, helperImage);
        const heals = await Promise.all(ids.map((id) => disconnectNode(plan, this.#node(id))));
        return this.#reconnecting(ids, async () => {
          await Promise.all(heals.map((heal) => heal()));
        });
      },
    };
  }

  /** Endpoints with the current passwords. */
  get endpoints(): ClientEndpoints {
    const { plan, passwords, ca } = this.#options;
    return endpointsOf(plan, passwords.secrets(), ca);
  }

  admin(nodeId: string): Promise<Redis> {
    return this.#admin.get(nodeId);
  }

  async status({ maxAgeMs }: StatusOptions = {}): Promise<readonly NodeStatus[]> {
    const { nodes } = this.#options.plan;
    const { found, unreachable } = await this.#containers.read(maxAgeMs);
    this.#unreachable = new Set(unreachable.map(({ host }) => host));
    return nodes.map(({ id, container, engine, address, published }) => {
      const state = unreachable.some((other) => other === engine)
        ? ({ state: 'unreachable' } as const)
        : stateAndPid(found.get(container));
      return { id, ...(engine && { host: engine.host }), address: published, announced: address, ...state };
    });
  }

  async watchdogStatus(): Promise<WatchdogStatus | undefined> {
    const { watchdog } = this.#options.plan;
    if (watchdog === undefined) return undefined;
    const { found, unreachable } = await inspectReachable([watchdog]);
    if (unreachable.length > 0) return { state: 'unreachable' };
    const facts = found.get(watchdog.container);
    const status = stateAndPid(facts);
    // A process that hangs, or was suspended inside its container, writes no heartbeat.
    const isSilent = status.state === 'running' && facts?.State.Health?.Status === 'unhealthy';
    return isSilent ? { ...status, state: 'paused' } : status;
  }

  async rendered(): Promise<ReadonlyMap<string, RenderedNode>> {
    return this.#options.rendered();
  }

  keptConf(sentinelId: string): Promise<string> {
    const { container, engine } = this.#node(sentinelId);
    return docker(['exec', container, 'cat', KEPT_CONF], { engine });
  }

  async masterId(): Promise<string | undefined> {
    return this.cluster === undefined ? masterOf(await readRoles(this)) : undefined;
  }

  /** Closes the admin connection of a node, so that the next `admin` opens a new one. */
  reconnect(nodeId: string): void {
    this.#admin.drop(nodeId);
  }

  /** Paths of the logs. The engine keeps the logs, so each access writes their current content to files. */
  get logs(): ReadonlyMap<string, string> {
    const { plan, logDir } = this.#options;
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    return new Map(
      servicesOf(plan).map(({ id, container, engine }) => {
        const path = join(logDir, `${id}.log`);
        // Keeps the log from the last access, because querying an unreachable host would time out once per service.
        if (engine !== undefined && this.#unreachable.has(engine.host)) return [id, path];
        // Synchronous, because `logs` is a property. Reading takes about 30 ms per container, only at the end of a run.
        const output = $.sync({
          quiet: true,
          nothrow: true,
        })`docker ${engineArgs(engine)} logs --timestamps ${container}`;
        writeFileSync(path, `${output.stdout}${output.stderr}`, { mode: 0o600 });
        return [id, path];
      }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#admin[Symbol.dispose]();
    await this.#options.end?.();
  }

  /** Replaces the admin connections after a fault: an old connection may wait for a reply that never arrives. */
  #reconnecting(ids: readonly string[], heal: Heal): Heal {
    let healing: Promise<void> | undefined;
    const run = async () => {
      await this.#change(heal);
      for (const id of ids) this.#admin.drop(id);
      for (const id of ids) await awaitAnswer(this, id);
    };
    return () => {
      healing ??= run();
      return healing;
    };
  }

  /** Changes containers, and drops the cached status, which is outdated even if the change fails. */
  async #change<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } finally {
      this.#containers.forget();
    }
  }

  /** Returns a node, or the watchdog. */
  #part(id: string): PlannedContainer {
    const { watchdog } = this.#options.plan;
    return id === watchdog?.id ? watchdog : this.#node(id);
  }

  #node(id: string): PlannedNode {
    const found = this.#options.plan.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id} in ${this.name}`);
    return found;
  }
}

function stateOf(facts: ContainerFacts | undefined): NodeStatus['state'] {
  if (facts?.State.Status === 'running') return 'running';
  return facts?.State.Status === 'paused' ? 'paused' : 'stopped';
}

function stateAndPid(facts: ContainerFacts | undefined): Pick<NodeStatus, 'state' | 'pid'> {
  const state = stateOf(facts);
  return { state, ...(state !== 'stopped' && { pid: facts?.State.Pid ?? 0 }) };
}

function endpointsOf(plan: DockerPlan, secrets: PasswordSet, ca: string | undefined): ClientEndpoints {
  const of = (role: 'redis' | 'sentinel') => plan.nodes.filter(({ node }) => node.role === role);
  const nat = plan.nodes.map(
    ({ address, published }) => [`${address.host}:${address.port}`, published] as const,
  );
  return {
    mode: MODE_OF[plan.environment.topology.kind],
    serviceName: plan.environment.topology.serviceName,
    redis: of('redis').map(({ published }) => published),
    sentinels: of('sentinel').map(({ published }) => published),
    natMap: Object.fromEntries(nat),
    app: { username: 'app', password: secrets.redis.app },
    sentinel: { username: 'app', password: secrets.sentinel.app },
    ...(ca === undefined ? {} : { tls: { ca } }),
  };
}
