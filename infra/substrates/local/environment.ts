/** Handle to an environment of local processes. */
import { readFile } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { secretsFile } from '../../../config/secrets.ts';
import { displayPath } from '../../../config/yaml.ts';
import { type ClusterView, clusterView } from '../../redis/cluster.ts';
import { serverOf } from '../../redis/server-capabilities.ts';
import { nodesOf, type Topology, WATCHDOG_ID } from '../../topology.ts';
import type {
  Capabilities,
  ClientEndpoints,
  Environment,
  NodeStatus,
  PasswordStore,
  RenderedNode,
  WatchdogStatus,
} from '../environment.ts';
import { observabilityAddresses } from './addresses.ts';
import { endpointsOf, nodeFiles } from './local-context.ts';
import { actingMaster } from './master-resolution.ts';
import type { LocalNodes } from './nodes.ts';
import { observabilityParts } from './observability.ts';
import { mayFilterPackets } from './packet-filter.ts';
import { localPasswords } from './passwords.ts';
import { renderAll } from './rendering.ts';
import { startNode } from './start-node.ts';

export interface LocalEnvironmentOptions {
  readonly nodes: LocalNodes;
  readonly deviations: readonly string[];
  /** Ends the environment; only the handle that owns the environment has this function. */
  readonly end?: (() => Promise<void>) | undefined;
}

export class LocalEnvironment implements Environment {
  readonly substrate = 'local';
  readonly name: string;
  readonly topology: Topology;
  readonly passwords: PasswordStore;
  readonly capabilities: Capabilities;
  readonly provenance: Readonly<Record<string, string>>;
  readonly deviations: readonly string[];
  readonly access: Readonly<Record<string, string>>;
  readonly logs: ReadonlyMap<string, string>;
  readonly cluster?: ClusterView;
  readonly #nodes: LocalNodes;
  readonly #end: (() => Promise<void>) | undefined;
  #disposed: Promise<void> | undefined;

  constructor(options: LocalEnvironmentOptions) {
    const { nodes } = options;
    const { context } = nodes;
    this.#nodes = nodes;
    this.#end = options.end;
    this.name = nodes.name;
    this.topology = context.topology;
    this.passwords = localPasswords(nodes);
    this.deviations = options.deviations;
    this.capabilities = {
      kill: (nodeId) => nodes.kill(nodeId),
      start: (nodeId) => (nodeId === WATCHDOG_ID ? nodes.launchWatchdog() : startNode(nodes, nodeId)),
      stop: (nodeId) => nodes.stop(nodeId),
      pause: (nodeId) => nodes.pause(nodeId),
      // Only root can mount.
      ...(process.getuid?.() === 0 && {
        dataFolder: async (nodeId: string) => ({ path: nodeFiles(context, nodeId).data }),
      }),
      ...(context.addressing === 'address-per-node' &&
        mayFilterPackets() && {
          partition: (nodeIds: readonly string[], options: { readonly clientsStillReach: boolean }) =>
            nodes.partition(nodeIds, options),
        }),
    };
    const cluster = clusterView(this);
    if (cluster !== undefined) this.cluster = cluster;
    this.provenance = {
      'redis-server': context.binary.provenance,
      'redis-version': context.binary.facts.version,
      'server-family': serverOf(context.binary.facts).family,
      'redis-activedefrag': String(context.binary.facts.activedefrag),
      'redis-tls': String(context.binary.facts.tls),
      addressing: context.addressing,
    };
    const parts = observabilityParts(context);
    const addresses = observabilityAddresses(context);
    this.access = {
      passwords: displayPath(secretsFile(this.name, context.stateDir)),
      ...(context.tls === undefined ? {} : { CA: displayPath(context.tls.paths.ca) }),
      ...Object.fromEntries(
        parts.map((part) => [part, `http://${addresses[part].host}:${addresses[part].port}`]),
      ),
    };
    const { watchdog } = context.topology;
    const ids = [...nodesOf(context.topology), ...(watchdog ? [watchdog] : [])].map(({ id }) => id);
    this.logs = new Map([...ids, ...parts].map((id) => [id, nodeFiles(context, id).log]));
  }

  /** Endpoints with the current passwords. */
  get endpoints(): ClientEndpoints {
    return endpointsOf(this.#nodes.context);
  }

  admin(nodeId: string): Promise<Redis> {
    return this.#nodes.admin.get(nodeId);
  }

  status(): Promise<readonly NodeStatus[]> {
    return this.#nodes.status();
  }

  watchdogStatus(): Promise<WatchdogStatus | undefined> {
    return this.#nodes.watchdogStatus();
  }

  async rendered(): Promise<ReadonlyMap<string, RenderedNode>> {
    return renderAll(this.#nodes.context);
  }

  keptConf(sentinelId: string): Promise<string> {
    return readFile(nodeFiles(this.#nodes.context, sentinelId).conf, 'utf8');
  }

  masterId(): Promise<string | undefined> {
    return this.cluster === undefined ? actingMaster(this.#nodes) : Promise.resolve(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.#nodes[Symbol.asyncDispose]();
    await this.#end?.();
  }
}
