/**
 * Names, addresses and ports of an environment on a Docker engine. Pure: the same environment gives the same plan, so
 * that a deploy, the drift check and the harness refer to the same resources without communicating.
 */
import { createHash } from 'node:crypto';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { Address, Placement, Topology, TopologyNode } from '../../topology.ts';
import { busAddress, nodesOf, WATCHDOG_ID } from '../../topology.ts';
import { type Engine, enginesOf } from './engines.ts';
import { IMAGE_ROLES, type ImageRole, type MonitoringRole } from './published-images.ts';

/** Uid and gid of all servers, as in the published Redis image. */
export const RUN_AS = '999:999';

/**
 * Maximum number of processes and threads per container. Redis uses fewer than 10 threads and one forked process, and
 * the Node.js process of Redis Commander uses 11 threads; a health check briefly needs a few more.
 */
export const PIDS_LIMIT = 256;

export const LABEL = {
  environment: 'redis-cache-kit.environment',
  node: 'redis-cache-kit.node',
  /** SHA-256 of the rendered node files; if it changes, the container is replaced. */
  config: 'redis-cache-kit.config-sha256',
  /** Id of the checkout that deployed the environment (`checkout-id.ts`), and its location. */
  owner: 'redis-cache-kit.owner',
  place: 'redis-cache-kit.owner-place',
  /**
   * `yes` on the parts of a protected environment that serve no client, so that changing the protection replaces no
   * node.
   */
  protected: 'redis-cache-kit.protected',
} as const;

export interface PlannedContainer {
  readonly id: string;
  readonly container: string;
  /** Engine of the container's host; absent without `hosts`. */
  readonly engine?: Engine;
  readonly configVolume: string;
  /**
   * Address that the other nodes use: the address in the data network or, with `hosts`, the address of the container's
   * host.
   */
  readonly address: Address;
  /** Address for clients; undefined for a container to which nothing connects. */
  readonly published?: Address;
  /** Port of the cluster bus, if it is published: only with `hosts`, where the nodes on other hosts connect to it. */
  readonly busPort?: number;
  readonly memoryMb: number;
  /** Command of the health check. */
  readonly health: readonly string[];
  /** Variables; never a secret. */
  readonly env: readonly string[];
}

export interface PublishedContainer extends PlannedContainer {
  readonly published: Address;
}

export interface PlannedNode extends PublishedContainer {
  readonly node: TopologyNode;
  readonly dataVolume: string;
}

/** A service other than a node whose data survives the replacement of its container. */
export interface StoringService extends PublishedContainer {
  readonly dataVolume: string;
  /** Path of the data volume in the container, which is the path of the published image. */
  readonly dataPath: string;
}

/** Services of `observability.prometheus`, in addition to the exporter. */
export interface PlannedMonitoring {
  readonly prometheus: StoringService;
  readonly alertmanager: StoringService;
  /** Certificate probe; absent without TLS. */
  readonly probe?: PlannedContainer;
}

/** An engine with its own networks, images and configuration volumes. */
export interface PlannedHost {
  /** Undefined without `hosts`: the user's engine. */
  readonly engine: Engine | undefined;
  /** Short-lived container that fills the configuration volumes of this engine. */
  readonly init: { readonly container: string; readonly engine?: Engine };
}

export interface DockerPlan {
  readonly topology: Topology;
  readonly environment: EnvironmentConfig;
  /** Exactly one element without `hosts`. */
  readonly hosts: readonly [PlannedHost, ...PlannedHost[]];
  /** Networks of each engine. With `hosts` there is no data network: nodes use the addresses of the hosts. */
  readonly networks: {
    readonly data: { readonly name: string; readonly subnet: string };
    readonly publish: { readonly name: string };
  };
  readonly nodes: readonly PlannedNode[];
  readonly exporter: PublishedContainer;
  readonly commander: PublishedContainer;
  readonly monitoring?: PlannedMonitoring;
  readonly watchdog?: PlannedContainer;
  /** Short-lived containers: one fills the configuration volumes, one waits until the environment is ready. */
  readonly init: PlannedHost['init'];
  readonly ready: {
    readonly container: string;
    readonly engine?: Engine;
    readonly configVolume: string;
    readonly address: Address;
  };
  readonly placement: Placement;
}

/** Returns the engines of the plan. */
export const enginesIn = ({ hosts }: Pick<DockerPlan, 'hosts'>): readonly (Engine | undefined)[] =>
  hosts.map(({ engine }) => engine);

/** Whether the nodes are spread over the engines of several hosts. */
export const hasHosts = ({ environment }: Pick<DockerPlan, 'environment'>): boolean =>
  environment.hosts !== undefined;

/** Last octets of the addresses in the data network. */
const OCTET = {
  ...{ redis: 10, sentinel: 30, exporter: 50, commander: 51, ready: 52, watchdog: 53 },
  ...{ prometheus: 54, alertmanager: 55, 'certificate-probe': 56 },
} as const;
const MIB = 1024 * 1024;

export function planDocker(topology: Topology): DockerPlan {
  const { environment } = topology;
  const { name, docker } = environment;
  const named = (suffix: string) => `kit-${name}-${suffix}`;
  const subnet = docker.subnet ?? defaultSubnet(name);
  const at = (octet: number, port: number): Address => ({
    host: subnet.replace(/\.0\/24$/, `.${octet}`),
    port,
  });
  const hosts = plannedHosts(environment, named);
  // Services other than nodes run on the first host, except the watchdog, which runs on the last one, away from the
  // first master.
  const [{ engine }] = hosts;
  const onFirst = engine === undefined ? {} : { engine };
  const lastEngine = hosts.at(-1)?.engine;
  const naming = { named, at };
  const nodes = nodesOf(topology).map((node) => plannedNode(environment, hosts, node, naming));
  const side = (id: 'exporter' | 'commander', rest: Omit<SideService, 'id'>): PublishedContainer => ({
    ...sideService(naming, engine, { id, ...rest }),
    published: { host: '127.0.0.1', port: docker.ports[id] },
  });
  return {
    topology,
    environment,
    hosts,
    networks: { data: { name: named('data'), subnet }, publish: { name: named('publish') } },
    nodes,
    exporter: side('exporter', { port: 9121, memoryMb: 64, healthPath: '/health' }),
    commander: side('commander', {
      port: 8081,
      memoryMb: 192,
      healthPath: '/healthcheck',
      // The image's own defaults first, then the kit's: node-config merges them in this order.
      env: ['NODE_CONFIG_DIR=/redis-commander/config:/kit', 'NODE_ENV=production'],
    }),
    ...(environment.observability.prometheus && { monitoring: monitoringOf(environment, naming, engine) }),
    ...(topology.watchdog && { watchdog: watchdogOf(named, at(OCTET.watchdog, 0), lastEngine) }),
    init: hosts[0].init,
    ready: {
      container: named('ready'),
      ...onFirst,
      configVolume: named('ready-conf'),
      address: at(OCTET.ready, 0),
    },
    placement: new Map(nodes.map((node) => [node.id, node.address])),
  };
}

interface Naming {
  readonly named: (suffix: string) => string;
  /** Returns an address in the data network. */
  readonly at: (octet: number, port: number) => Address;
}

function plannedNode(
  environment: EnvironmentConfig,
  hosts: readonly PlannedHost[],
  node: TopologyNode,
  { named, at }: Naming,
): PlannedNode {
  const { ports } = environment.docker;
  const redis = node.role === 'redis';
  const listen = redis ? environment.redis.port : environment.sentinel.port;
  const port = (redis ? ports.redis : ports.sentinel) + node.index - 1;
  const onHost = hostOf(environment, hosts, node, port);
  return {
    node,
    id: node.id,
    container: named(node.id),
    ...(onHost && { engine: onHost.engine }),
    ...(onHost &&
      environment.topology.kind === 'cluster' && {
        busPort: busAddress(environment, onHost.address).port,
      }),
    dataVolume: named(`${node.id}-data`),
    configVolume: named(`${node.id}-conf`),
    address: onHost?.address ?? at(OCTET[node.role] + node.index, listen),
    published: onHost?.address ?? { host: '127.0.0.1', port },
    memoryMb: redis ? redisMemoryMb(environment) : 64,
    health: ['/usr/local/bin/kit-node', 'health'],
    env: [],
  };
}

/** A service other than a node. */
interface SideService {
  readonly id: Exclude<keyof typeof OCTET, 'redis' | 'sentinel'>;
  /** Port on which it listens in its container. */
  readonly port: number;
  readonly memoryMb: number;
  readonly healthPath: string;
  readonly env?: readonly string[];
}

function sideService(
  { named, at }: Naming,
  engine: Engine | undefined,
  { id, port, memoryMb, healthPath, env = [] }: SideService,
): PlannedContainer {
  return {
    id,
    container: named(id),
    ...(engine && { engine }),
    configVolume: named(`${id}-conf`),
    address: at(OCTET[id], port),
    memoryMb,
    // busybox is the only program that the published and the local images have in common.
    health: ['busybox', 'wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${port}${healthPath}`],
    env,
  };
}

function monitoringOf(
  { docker: { ports }, security }: EnvironmentConfig,
  naming: Naming,
  engine: Engine | undefined,
): PlannedMonitoring {
  const storing = (id: MonitoringRole, port: number, memoryMb: number): StoringService => ({
    ...sideService(naming, engine, { id, port, memoryMb, healthPath: '/-/ready' }),
    published: { host: '127.0.0.1', port: ports[id] ?? port },
    dataVolume: naming.named(`${id}-data`),
    dataPath: `/${id}`,
  });
  const probe = { id: 'certificate-probe', port: 9122, memoryMb: 96, healthPath: '/health' } as const;
  return {
    prometheus: storing('prometheus', 9090, 256),
    alertmanager: storing('alertmanager', 9093, 64),
    ...(security.tls && { probe: sideService(naming, engine, probe) }),
  };
}

function plannedHosts(
  environment: EnvironmentConfig,
  named: (suffix: string) => string,
): readonly [PlannedHost, ...PlannedHost[]] {
  const [first, ...rest] = enginesOf(environment).map((engine): PlannedHost => {
    if (engine === undefined) return { engine, init: { container: named('init') } };
    return { engine, init: { container: named(`init-${engine.host}`), engine } };
  });
  if (first === undefined) throw new Error('an environment must have at least one engine');
  return [first, ...rest];
}

/**
 * Returns the engine of a node and its address, which is the same for clients and for other nodes: the node listens on
 * its published port. Undefined without `hosts`.
 */
function hostOf(
  environment: EnvironmentConfig,
  hosts: readonly PlannedHost[],
  { host: name }: TopologyNode,
  port: number,
): { readonly engine: Engine; readonly address: Address } | undefined {
  const host = environment.hosts?.find((each) => each.name === name);
  const engine = hosts.find((each) => each.engine?.host === name)?.engine;
  return host && engine && { engine, address: { host: host.address, port } };
}

/** File that the watchdog writes every second, so that a hung process is reported as unhealthy. */
export const HEARTBEAT_FILE = '/dev/shm/heartbeat';

function watchdogOf(
  named: (suffix: string) => string,
  address: Address,
  engine: Engine | undefined,
): PlannedContainer {
  return {
    id: WATCHDOG_ID,
    container: named(WATCHDOG_ID),
    ...(engine && { engine }),
    configVolume: named(`${WATCHDOG_ID}-conf`),
    address,
    memoryMb: 96,
    health: ['busybox', 'sh', '-c', `[ -n "$(busybox find ${HEARTBEAT_FILE} -mmin -1)" ]`],
    env: [],
  };
}

/** Paths of certificate files in the file system of a container that mounts its configuration volume. */
export const TLS_PATHS = { ca: '/kit/tls/ca.crt', cert: '/kit/tls/node.crt', key: '/kit/tls/node.key' };

/** Returns the node that is master at the first start. */
export function bootstrapOf(plan: DockerPlan): PlannedNode {
  const found = plan.nodes.find(({ node }) => node.role === 'redis' && node.bootstrapMaster);
  if (found === undefined) throw new Error('a topology must have a bootstrap master');
  return found;
}

/**
 * Returns the images that the containers of an engine use; the watchdog and the certificate probe use the Redis
 * Commander image.
 */
export function imageRolesOn(
  plan: DockerPlan,
  { engine }: Pick<PlannedHost, 'engine'>,
): readonly ImageRole[] {
  const isHere = (part: PlannedContainer | undefined) => part !== undefined && part.engine === engine;
  const used: Readonly<Record<ImageRole, boolean>> = {
    redis: true,
    exporter: isHere(plan.exporter),
    commander: isHere(plan.commander) || isHere(plan.watchdog) || isHere(plan.monitoring?.probe),
    prometheus: isHere(plan.monitoring?.prometheus),
    alertmanager: isHere(plan.monitoring?.alertmanager),
  };
  return IMAGE_ROLES.filter((role) => used[role]);
}

/** Returns the containers that run for as long as the environment exists. */
export function servicesOf(plan: DockerPlan): readonly PlannedContainer[] {
  const { monitoring, watchdog } = plan;
  const unpublished = [monitoring?.probe, watchdog].filter((service) => service !== undefined);
  return [...publishedOf(plan), ...unpublished];
}

/** Returns the services with a port on this host. */
export function publishedOf(plan: DockerPlan): readonly PublishedContainer[] {
  const { monitoring } = plan;
  const metrics = monitoring === undefined ? [] : [monitoring.prometheus, monitoring.alertmanager];
  return [...plan.nodes, plan.exporter, plan.commander, ...metrics];
}

/** Port of a container, and the address on the host at which it is published. */
export interface PortBinding {
  readonly inside: number;
  readonly outside: Address;
}

/** Returns the published ports of a container, in ascending order, in which the Terraform provider reads them. */
export function bindingsOf({ address, published, busPort }: PlannedContainer): readonly PortBinding[] {
  if (published === undefined) return [];
  const bus = busPort === undefined ? [] : [{ inside: busPort, outside: { ...published, port: busPort } }];
  return [{ inside: address.port, outside: published }, ...bus].sort((a, b) => a.inside - b.inside);
}

/**
 * Returns the memory limit of a Redis node. In addition to maxmemory, a node needs memory for copy-on-write after a
 * fork (worst case: every page that is written during a save), the backlog, and client and replica buffers. Half of
 * maxmemory covers a save under the write load of a cache.
 */
function redisMemoryMb({ redis }: EnvironmentConfig): number {
  return Math.ceil((redis.maxmemory * 1.5 + redis.replBacklogSize) / MIB) + 64;
}

/** Returns one of 8192 networks in 10.96.0.0/11, which neither Docker's own pools nor most office networks use. */
function defaultSubnet(name: string): string {
  const hash = createHash('sha256').update(name).digest();
  return `10.${96 + ((hash[0] ?? 0) % 32)}.${hash[1] ?? 0}.0/24`;
}
