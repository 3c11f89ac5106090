/**
 * Renders all files that a container reads, with mode 0600, under the state directory. Terraform copies them, as one
 * archive, into the configuration volumes through the init container: no secret appears in a variable, a command line
 * or the state.
 *
 * Hashes for labels and the state are computed with placeholders for the passwords, so that after a rotation the next
 * deploy replaces nothing.
 *
 * plan + secrets + images ─▶ texts (pure renderers) ─▶ `<state>/docker/<environment>/files/<node>/…` and `files.tar`,
 * or with `hosts` a `files-<host>.tar` for each host, with the files of its own containers
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '../../../config/digest.ts';
import { majorityOf } from '../../../config/majority.ts';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { writePrivate } from '../../host/private-files.ts';
import { NODES_FILE, redisNodeId, renderClusterNodes } from '../../redis/cluster-nodes.ts';
import {
  LOADER,
  loaderPassword,
  renderRedisAcl,
  renderSentinelAcl,
  watchdogUseOf,
} from '../../redis/conf/acl.ts';
import { renderRedisConf } from '../../redis/conf/redis-conf.ts';
import { renderKnownSentinels, renderSentinelConf } from '../../redis/conf/sentinel-conf.ts';
import { functionLibrary, LIBRARY_FILE } from '../../redis/functions.ts';
import { type BinaryFacts, serverOf } from '../../redis/server-capabilities.ts';
import { redisCompatibility } from '../../redis/server-version.ts';
import { hostAndPort, type TopologyNode } from '../../topology.ts';
import type { RenderedNode } from '../environment.ts';
import { tarOf } from './archive.ts';
import {
  currentCertificates,
  deployedCertificates,
  provideCertificates,
  type TlsTexts,
  tlsTexts,
} from './certificates.ts';
import { drawValues, type EnvironmentValues, readValues } from './generated-values.ts';
import { monitoringTexts } from './monitoring-files.ts';
import { commanderTexts, exporterTexts } from './observability-files.ts';
import {
  bootstrapOf,
  type DockerPlan,
  hasHosts,
  type PlannedHost,
  type PlannedNode,
  TLS_PATHS,
} from './plan.ts';
import { configVolumesOn } from './plan-volumes.ts';
import { environmentDir } from './state-files.ts';
import { watchdogTexts } from './watchdog-files.ts';

const PROJECT = join(import.meta.dirname, '../../..');
const CONF_OF = { redis: 'redis.conf', sentinel: 'sentinel.conf' } as const;
const USERS = 'users.acl';

/** All configuration volumes of an engine in one tar file, with a folder for each. */
export interface Archive {
  readonly source: string;
  /** Digest of the files with placeholders for the passwords, so that a rotation does not change it. */
  readonly sha256: string;
}

export interface RenderedFiles {
  /** Archive for each host in the plan; its source is an absolute path on this machine. */
  readonly archives: readonly Archive[];
  /**
   * Hashes by configuration volume. If a hash changes, the container is replaced; a password rotation does not change
   * the hashes.
   */
  readonly hashes: ReadonlyMap<string, string>;
  readonly deviations: readonly string[];
}

/**
 * Renders and writes the files. The same plan, secrets and images give the same files.
 *
 * @param secrets passwords that replace those in the deployed files; the certificates are then kept. Default: a deploy,
 *   with the current passwords and, during a rotation, the other valid ones
 */
export async function renderFiles(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
  secrets?: EnvironmentSecrets,
): Promise<RenderedFiles> {
  // New certificates would take effect when a node restarts, while the other nodes still have the previous ones.
  const deployed = secrets === undefined ? undefined : deployedCertificates(plan, stateDir);
  const { security } = plan.environment;
  const tls = security.tls ? (deployed ?? (await provideCertificates(plan, stateDir))) : undefined;
  const drawn = drawValues(stateDir, plan.environment.name);
  const input = { facts, tls, values: secrets === undefined ? drawn : { ...drawn, secrets } };
  const { texts, deviations } = renderTexts(plan, input);
  const dir = environmentDir(stateDir, plan.environment.name);
  const files = filesOf(texts);
  for (const { path, text } of files) writePrivate(join(dir, 'files', path), text);
  for (const host of plan.hosts)
    writePrivate(archiveFile(plan, host, stateDir), archiveOf(plan, host, texts));
  const { hashes, archiveSha256 } = stableHashes(plan, input);
  return { archives: archivesOf(plan, stateDir, archiveSha256), hashes, deviations };
}

/** Returns the archive with the files of the containers of one engine. */
function archiveOf(plan: DockerPlan, host: PlannedHost, texts: Texts): Buffer {
  const volumes = new Set(configVolumesOn(plan, host));
  return tarOf(filesOf(new Map([...texts].filter(([volume]) => volumes.has(volume)))));
}

const archivesOf = (plan: DockerPlan, stateDir: string, sums: readonly string[]): readonly Archive[] =>
  plan.hosts.map((host, i) => ({ source: archiveFile(plan, host, stateDir), sha256: sums[i] ?? '' }));

/** Returns the hashes of the files with placeholders for the passwords. */
function stableHashes(plan: DockerPlan, input: RenderInput) {
  const { secrets } = input.values;
  const values = { ...input.values, secrets: secrets.placeholders ?? secrets };
  const { texts } = renderTexts(plan, { ...input, values });
  const archiveSha256 = plan.hosts.map((host) => sha256Hex(archiveOf(plan, host, texts)));
  return { hashes: hashesOf(texts), archiveSha256 };
}

const archiveFile = ({ environment }: DockerPlan, { engine }: PlannedHost, stateDir: string): string =>
  join(
    environmentDir(stateDir, environment.name),
    engine === undefined ? 'files.tar' : `files-${engine.host}.tar`,
  );

/** Like `renderFiles`, but writes nothing and generates no passwords; the archive does not have to exist. */
export function previewFiles(plan: DockerPlan, facts: BinaryFacts, stateDir: string): RenderedFiles {
  const { archiveSha256, hashes, deviations } = renderHashes(plan, facts, stateDir);
  return { archives: archivesOf(plan, stateDir, archiveSha256), hashes, deviations };
}

/**
 * Returns the hashes of the deployed files. Like `renderFiles`, but writes nothing and creates neither passwords nor
 * certificates.
 */
export function renderHashes(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
  secrets?: EnvironmentSecrets,
): Omit<RenderedFiles, 'archives'> & {
  /** Digests of the files, by volume and path. */
  readonly sums: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Digest of the archive of each host. */
  readonly archiveSha256: readonly string[];
} {
  const tls = plan.environment.security.tls ? (currentCertificates(plan, stateDir) ?? UNMADE) : undefined;
  const input = { facts, tls, values: readValues(stateDir, plan.environment.name, secrets) };
  const { texts, deviations } = renderTexts(plan, input);
  const sums = [...texts].map(
    ([volume, entries]) =>
      [volume, new Map([...entries].map(([path, text]) => [path, sha256Hex(text)]))] as const,
  );
  return { ...stableHashes(plan, input), sums: new Map(sums), deviations };
}

/** Returns the settings that the server does not support. Reads no certificates, which may have expired. */
export function findDeviations(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
  secrets: EnvironmentSecrets,
): readonly string[] {
  const values = readValues(stateDir, plan.environment.name, secrets);
  return renderTexts(plan, { facts, tls: placeholderOf(plan), values }).deviations;
}

/** Returns the configuration and users of every node as deployed, by node id. Reads no certificates. */
export function renderNodes(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
): ReadonlyMap<string, RenderedNode> {
  const input = { facts, tls: placeholderOf(plan), values: readValues(stateDir, plan.environment.name) };
  return new Map(
    plan.nodes.map((planned) => {
      const { texts } = nodeTexts(plan, planned, input);
      const conf = texts.get(CONF_OF[planned.node.role]) ?? '';
      return [planned.id, { conf, users: texts.get(USERS) ?? '' }];
    }),
  );
}

/** Placeholder for certificates that the next deploy generates; it differs from every real certificate. */
const UNMADE: TlsTexts = { ca: '', cert: '', key: '' };

const placeholderOf = ({ environment }: DockerPlan) => (environment.security.tls ? UNMADE : undefined);

/** Returns the files of the archive, in one folder per volume. */
const filesOf = (texts: Texts) =>
  [...texts].flatMap(([volume, entries]) =>
    [...entries].map(([path, text]) => ({ path: `${volume}/${path}`, text })),
  );

type Texts = ReadonlyMap<string, ReadonlyMap<string, string>>;

interface RenderInput {
  readonly facts: BinaryFacts;
  readonly tls: TlsTexts | undefined;
  readonly values: EnvironmentValues;
}

function renderTexts(
  plan: DockerPlan,
  input: RenderInput,
): { readonly texts: Texts; readonly deviations: readonly string[] } {
  const { tls, values } = input;
  const { secrets } = values;
  const deviations = new Set<string>();
  const texts = new Map<string, ReadonlyMap<string, string>>();
  for (const node of plan.nodes) {
    const rendered = nodeTexts(plan, node, input);
    for (const deviation of rendered.deviations) deviations.add(deviation);
    texts.set(node.configVolume, rendered.texts);
  }
  texts.set(plan.ready.configVolume, readyTexts(plan, secrets, tls));
  texts.set(plan.exporter.configVolume, exporterTexts(plan, secrets, tls));
  texts.set(plan.commander.configVolume, commanderTexts(plan, values, tls));
  for (const [volume, files] of monitoringTexts(plan)) texts.set(volume, files);
  if (plan.watchdog !== undefined) texts.set(plan.watchdog.configVolume, watchdogTexts(plan, secrets, tls));
  return { texts, deviations: [...deviations] };
}

function nodeTexts(plan: DockerPlan, planned: PlannedNode, { facts, tls, values }: RenderInput) {
  const { secrets } = values;
  const { topology, environment, placement } = plan;
  const { node } = planned;
  const common = {
    topology,
    placement,
    facts,
    secrets,
    paths: {
      dir: '/data',
      pidfile: '',
      aclfile: '/kit/users.acl',
      ...(tls === undefined ? {} : { tls: TLS_PATHS }),
    },
  };
  const bootstrap = bootstrapOf(plan).address;
  const rendered =
    node.role === 'redis'
      ? renderRedisConf({
          ...common,
          node,
          base: base('redis-production.conf'),
          cores: availableParallelism(),
          // The entry point determines the master at each start.
          replicaOf: undefined,
          bindSource: false,
        })
      : renderSentinelConf({ ...common, node, base: base('sentinel.conf'), master: bootstrap });
  const use = watchdogUseOf(topology);
  const version = redisCompatibility(serverOf(facts));
  const acl =
    node.role === 'redis'
      ? renderRedisAcl(secrets, environment.client.namespace, version, use)
      : renderSentinelAcl(secrets, version, use);
  const conf = listenEverywhere(rendered.text);
  const texts = new Map([
    [CONF_OF[node.role], conf],
    [USERS, acl],
    ['node.env', nodeEnv(plan, planned, tls)],
    ...introductionTexts(plan, node, values),
    ...authTexts(plan, secrets),
    ...tlsTexts(tls),
  ]);
  return { texts, deviations: rendered.deviations };
}

/**
 * Makes the node listen on all addresses: a container has one address in each of two networks, and the networks decide
 * which one is reachable.
 */
function listenEverywhere(conf: string): string {
  return conf.replace(/^bind .*$/gm, 'bind 0.0.0.0').replace(/^pidfile .*\n/gm, '');
}

/**
 * Returns the files that introduce the other nodes to a node. The entry point copies these files only to an empty
 * volume.
 */
function introductionTexts(
  plan: DockerPlan,
  node: TopologyNode,
  { idSeed }: EnvironmentValues,
): readonly (readonly [string, string])[] {
  const { topology, placement } = plan;
  if (node.role === 'sentinel') {
    const master = bootstrapOf(plan).address;
    const idOf = (nodeId: string) => redisNodeId(idSeed('sentinels-id'), nodeId);
    return [['known-sentinels.conf', renderKnownSentinels({ topology, placement, node, master, idOf })]];
  }
  if (node.shard === undefined) return [];
  const clusterId = idSeed('cluster-id');
  return [[NODES_FILE, renderClusterNodes({ topology, placement, clusterId, node })]];
}

/**
 * Returns the variables of a container. @param node undefined for the container that waits until the environment is
 * ready
 */
function nodeEnv(plan: DockerPlan, node: PlannedNode | undefined, tls: TlsTexts | undefined): string {
  const id = node?.id ?? 'ready';
  const self = node?.address ?? plan.ready.address;
  const shard = node?.node.role === 'redis' ? node.node.shard : undefined;
  const list = (role: string) => plan.nodes.filter((other) => other.node.role === role && other.id !== id);
  const text = ({ address }: PlannedNode) => hostAndPort(address);
  const { environment } = plan;
  const sentinels = environment.topology.sentinels;
  // A failover takes down-after plus, after a lost election, twice the failover-timeout. In a cluster it takes 1.5 node
  // timeouts, and four more after a lost election. The sum below has a margin of 10 s.
  const { sentinel, cluster } = environment;
  const failoverMs =
    shard === undefined ? sentinel.downAfterMs + 2 * sentinel.failoverTimeoutMs : 6 * cluster.nodeTimeoutMs;
  const waitMs = failoverMs + 10_000;
  const bootstrap = bootstrapOf(plan).address;
  const variables: Readonly<Record<string, string | number>> = {
    KIND: shard === undefined ? (node?.node.role ?? 'ready') : 'cluster',
    NODE: id,
    SERVICE: environment.topology.serviceName,
    // The probe connects inside the container, so it works without any network.
    HOST: node === undefined ? bootstrap.host : '127.0.0.1',
    PORT: node === undefined ? bootstrap.port : self.port,
    SELF: `${self.host} ${self.port}`,
    BOOTSTRAP: `${bootstrap.host} ${bootstrap.port}`,
    SENTINELS: list('sentinel').map(text).join(' '),
    // Majority of all configured sentinels. Unreachable ones count too: with three sentinels it is always two.
    MAJORITY: majorityOf(sentinels),
    OTHERS: sentinels - 1,
    REPLICAS: environment.topology.replicas,
    PEERS: list('redis').map(text).join(' '),
    CLUSTER: environment.topology.kind === 'cluster' ? 'yes' : '',
    NODES: plan.topology.redis.length,
    FIRST_SLOT: shard?.slots[0] ?? '',
    FOLLOWERS: list('redis')
      .filter((other) => isReplicaOf(other, id))
      .map(text)
      .join(' '),
    ...(hasHosts(plan) && { FIXED_ADDRESSES: 'yes' }),
    WAIT_HALF_SECONDS: Math.ceil(waitMs / 500),
    TLS_ARGS: tls === undefined ? '' : `--tls --cacert ${TLS_PATHS.ca}`,
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}

/** Returns whether a node is a replica of the node `id` at the first start of a cluster. */
function isReplicaOf({ node }: PlannedNode, id: string): boolean {
  return node.role === 'redis' && node.id !== id && node.shard?.master === id;
}

/**
 * Returns the credentials that the entry point uses: Sentinel's user on Redis (in a cluster, the exporter's), and the
 * app's user on the sentinels. These users must not write.
 */
function authTexts(
  plan: DockerPlan,
  { redis, sentinel }: EnvironmentSecrets,
): readonly (readonly [string, string])[] {
  const user = plan.environment.topology.kind === 'cluster' ? 'exporter' : 'sentinel';
  return [
    ['auth/redis.user', user],
    ['auth/redis.password', redis[user].reveal()],
    ['auth/sentinel.user', 'app'],
    ['auth/sentinel.password', sentinel.app.reveal()],
  ];
}

function readyTexts(plan: DockerPlan, secrets: EnvironmentSecrets, tls: TlsTexts | undefined) {
  return new Map([
    ['node.env', nodeEnv(plan, undefined, tls)],
    ...authTexts(plan, secrets),
    ['auth/functions.user', LOADER],
    ['auth/functions.password', loaderPassword(secrets).reveal()],
    [LIBRARY_FILE, functionLibrary()],
    ...tlsTexts(tls),
  ]);
}

function hashesOf(texts: Texts): ReadonlyMap<string, string> {
  return new Map(
    [...texts].map(([volume, entries]) => {
      const lines = [...entries].map(([path, text]) => `${path}\0${sha256Hex(text)}\n`).sort();
      return [volume, sha256Hex(lines.join(''))];
    }),
  );
}

const base = (name: string): string => readFileSync(join(PROJECT, name), 'utf8');
