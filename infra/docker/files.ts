/**
 * Renders everything that a container reads, into files of mode 0600 under the state directory. Terraform copies them, as one
 * archive, into the configuration volumes through the init container: no secret is in a variable, a command line or the state.
 *
 * plan + secrets + images ─▶ texts (pure renderers) ─▶ `<state>/docker/<environment>/files/<node>/…` and `files.tar`
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type EnvironmentSecrets, loadSecrets, secretsFile } from '../../config/secrets.ts';
import { LOADER, loaderPassword, renderRedisAcl, renderSentinelAcl } from '../acl.ts';
import { NODES_FILE, redisNodeId, renderClusterNodes } from '../cluster-nodes.ts';
import type { RenderedNode } from '../environment.ts';
import { functionLibrary, LIBRARY_FILE } from '../functions.ts';
import { type BinaryFacts, renderRedisConf } from '../redis-conf.ts';
import { renderAcquaintances, renderSentinelConf } from '../sentinel-conf.ts';
import type { Address, TopologyNode } from '../topology.ts';
import { tarOf } from './archive.ts';
import { certificates, current, type TlsTexts } from './certificates.ts';
import { NODE_IMAGE_DIR } from './images.ts';
import type { DockerPlan, PlannedNode } from './plan.ts';
import { environmentDir, kept, writeSecret } from './state-files.ts';

export { environmentDir } from './state-files.ts';

const PROJECT = join(import.meta.dirname, '../..');
const CONF_OF = { redis: 'redis.conf', sentinel: 'sentinel.conf' } as const;
const USERS = 'users.acl';
const TLS_PATHS = { ca: '/kit/tls/ca.crt', cert: '/kit/tls/node.crt', key: '/kit/tls/node.key' };

/** All configuration volumes in one tar file: a folder each. */
export interface Archive {
  readonly source: string;
  readonly sha256: string;
}

export interface RenderedFiles {
  /** Its source is an absolute path of this machine. */
  readonly archive: Archive;
  /** By configuration volume: the hash that replaces its container. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly departures: readonly string[];
}

/** Secrets of their own: a local environment of the same name is another environment. */
export const dockerSecrets = (stateDir: string, name: string): EnvironmentSecrets =>
  loadSecrets(name, join(stateDir, 'docker'));

/** Whether an environment has passwords already: it was deployed from here, or at least synthesised. */
export const haveSecrets = (stateDir: string, name: string): boolean =>
  existsSync(secretsFile(name, join(stateDir, 'docker')));

/** Login of Redis Commander; made once. */
export function commanderPassword(stateDir: string, name: string): string {
  return kept(join(environmentDir(stateDir, name), 'commander.password'), () =>
    randomBytes(18).toString('base64url'),
  );
}

/** Renders and writes. The same plan, secrets and images give the same files. */
export async function renderFiles(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
): Promise<RenderedFiles> {
  const tls = plan.environment.security.tls ? await certificates(plan, stateDir) : undefined;
  const { texts, departures } = renderTexts(plan, facts, stateDir, tls);
  const dir = environmentDir(stateDir, plan.environment.name);
  const files = [...texts].flatMap(([volume, entries]) =>
    [...entries].map(([path, text]) => ({ path: `${volume}/${path}`, text })),
  );
  for (const { path, text } of files) writeSecret(join(dir, 'files', path), text);
  const archive = tarOf(files);
  const source = join(dir, 'files.tar');
  writeSecret(source, archive);
  return { archive: { source, sha256: sha256(archive) }, hashes: hashesOf(texts), departures };
}

/** What the containers and their volumes carry as they were deployed: as `renderFiles`, without writing and without new certificates. */
export function renderHashes(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
): Omit<RenderedFiles, 'archive'> & {
  /** By volume and path. */
  readonly sums: ReadonlyMap<string, ReadonlyMap<string, string>>;
} {
  const tls = plan.environment.security.tls ? (current(plan, stateDir) ?? UNMADE) : undefined;
  const { texts, departures } = renderTexts(plan, facts, stateDir, tls);
  const sums = [...texts].map(
    ([volume, entries]) =>
      [volume, new Map([...entries].map(([path, text]) => [path, sha256(text)]))] as const,
  );
  return { hashes: hashesOf(texts), sums: new Map(sums), departures };
}

/** The configuration and the users of every node as they were deployed, by node id. */
export function renderNodes(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
): ReadonlyMap<string, RenderedNode> {
  const tls = plan.environment.security.tls ? (current(plan, stateDir) ?? UNMADE) : undefined;
  const input = { facts, secrets: dockerSecrets(stateDir, plan.environment.name), tls, stateDir };
  return new Map(
    plan.nodes.map((planned) => {
      const { texts } = nodeTexts(plan, planned, input);
      const conf = texts.get(CONF_OF[planned.node.role]) ?? '';
      return [planned.id, { conf, users: texts.get(USERS) ?? '' }];
    }),
  );
}

/** In the place of certificates that the next deploy makes: equal to none. */
const UNMADE: TlsTexts = { ca: '', cert: '', key: '' };

type Texts = ReadonlyMap<string, ReadonlyMap<string, string>>;

function renderTexts(
  plan: DockerPlan,
  facts: BinaryFacts,
  stateDir: string,
  tls: TlsTexts | undefined,
): { readonly texts: Texts; readonly departures: readonly string[] } {
  const { name } = plan.environment;
  const secrets = dockerSecrets(stateDir, name);
  const departures = new Set<string>();
  const texts = new Map<string, ReadonlyMap<string, string>>();
  for (const node of plan.nodes) {
    const rendered = nodeTexts(plan, node, { facts, secrets, tls, stateDir });
    for (const departure of rendered.departures) departures.add(departure);
    texts.set(node.configVolume, rendered.texts);
  }
  texts.set(plan.ready.configVolume, readyTexts(plan, secrets, tls));
  texts.set(plan.exporter.configVolume, exporterTexts(plan, secrets, tls));
  texts.set(
    plan.commander.configVolume,
    commanderTexts(plan, secrets, tls, commanderPassword(stateDir, name)),
  );
  return { texts, departures: [...departures] };
}

interface NodeInput {
  readonly facts: BinaryFacts;
  readonly secrets: EnvironmentSecrets;
  readonly tls: TlsTexts | undefined;
  readonly stateDir: string;
}

function nodeTexts(plan: DockerPlan, planned: PlannedNode, { facts, secrets, tls, stateDir }: NodeInput) {
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
          // Who is master is asked by the entry point at each start.
          replicaOf: undefined,
          bindSource: false,
        })
      : renderSentinelConf({ ...common, node, base: base('sentinel.conf'), master: bootstrap });
  const acl =
    node.role === 'redis'
      ? renderRedisAcl(secrets, environment.client.namespace, facts.version)
      : renderSentinelAcl(secrets, facts.version);
  const conf = listenEverywhere(rendered.text);
  const texts = new Map([
    [CONF_OF[node.role], conf],
    [USERS, acl],
    ['node.env', nodeEnv(plan, planned, tls)],
    ...introductionTexts(plan, node, stateDir),
    ...authTexts(plan, secrets),
    ...tlsTexts(tls),
  ]);
  return { texts, departures: rendered.departures };
}

/** A container has an address in each of two networks; which of them is reachable is the networks' business. */
function listenEverywhere(conf: string): string {
  return conf.replace(/^bind .*$/gm, 'bind 0.0.0.0').replace(/^pidfile .*\n/gm, '');
}

/** What a node would have learnt of the others: the entry point gives it to an empty volume, and never again. */
function introductionTexts(
  plan: DockerPlan,
  node: TopologyNode,
  stateDir: string,
): readonly (readonly [string, string])[] {
  const { topology, placement, environment } = plan;
  const drawn = (name: string) =>
    kept(join(environmentDir(stateDir, environment.name), name), () => randomBytes(20).toString('hex'));
  if (node.role === 'sentinel') {
    const master = bootstrapOf(plan).address;
    const idOf = (nodeId: string) => redisNodeId(drawn('sentinels-id'), nodeId);
    return [['acquaintances.conf', renderAcquaintances({ topology, placement, node, master, idOf })]];
  }
  if (node.shard === undefined) return [];
  const clusterId = drawn('cluster-id');
  return [[NODES_FILE, renderClusterNodes({ topology, placement, clusterId, node })]];
}

/** @param node undefined: for the container that waits until all is ready */
function nodeEnv(plan: DockerPlan, node: PlannedNode | undefined, tls: TlsTexts | undefined): string {
  const id = node?.id ?? 'ready';
  const self = node?.address ?? plan.ready.address;
  const shard = node?.node.role === 'redis' ? node.node.shard : undefined;
  const list = (role: string) => plan.nodes.filter((other) => other.node.role === role && other.id !== id);
  const text = ({ address }: PlannedNode) => `${address.host}:${address.port}`;
  const { environment } = plan;
  const sentinels = environment.topology.sentinels;
  // A failover takes down-after plus, with a lost election, twice the failover-timeout; in a cluster one and a half
  // node-timeouts, and four more. Then some.
  const { sentinel, cluster } = environment;
  const failoverMs =
    shard === undefined ? sentinel.downAfterMs + 2 * sentinel.failoverTimeoutMs : 6 * cluster.nodeTimeoutMs;
  const patienceMs = failoverMs + 10_000;
  const bootstrap = bootstrapOf(plan).address;
  const variables: Readonly<Record<string, string | number>> = {
    KIND: shard === undefined ? (node?.node.role ?? 'ready') : 'cluster',
    NODE: id,
    SERVICE: environment.topology.serviceName,
    // The probe connects from inside, whatever network the node has lost.
    HOST: node === undefined ? bootstrap.host : '127.0.0.1',
    PORT: node === undefined ? bootstrap.port : self.port,
    SELF: `${self.host} ${self.port}`,
    BOOTSTRAP: `${bootstrap.host} ${bootstrap.port}`,
    SENTINELS: list('sentinel').map(text).join(' '),
    // Of all sentinels, those that are not there included: half of three is not two.
    MAJORITY: Math.floor(sentinels / 2) + 1,
    OTHERS: sentinels - 1,
    REPLICAS: environment.topology.replicas,
    PEERS: list('redis').map(text).join(' '),
    CLUSTER: environment.topology.kind === 'cluster' ? 'yes' : '',
    NODES: plan.topology.redis.length,
    FIRST_SLOT: shard?.slots[0] ?? '',
    FOLLOWERS: list('redis')
      .filter((other) => follows(other, id))
      .map(text)
      .join(' '),
    PATIENCE_HALF_SECONDS: Math.ceil(patienceMs / 500),
    TLS_ARGS: tls === undefined ? '' : `--tls --cacert ${TLS_PATHS.ca}`,
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}

/** Whether a node is a replica of that one at the first start of a cluster. */
function follows({ node }: PlannedNode, id: string): boolean {
  return node.role === 'redis' && node.id !== id && node.shard?.master === id;
}

/** What the entry point asks with: Sentinel's user on Redis (the exporter's in a cluster), the app's on the sentinels. None may write. */
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

function tlsTexts(tls: TlsTexts | undefined): readonly (readonly [string, string])[] {
  if (tls === undefined) return [];
  return [
    ['tls/ca.crt', tls.ca],
    ['tls/node.crt', tls.cert],
    ['tls/node.key', tls.key],
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

/** `/metrics` follows the master (of a cluster: it is the first node's); `/scrape?target=redis://…` takes any node (user exporter) or sentinel (user app). */
function exporterTexts(plan: DockerPlan, secrets: EnvironmentSecrets, tls: TlsTexts | undefined) {
  const scheme = tls === undefined ? 'redis' : 'rediss';
  const url = (user: string, { host, port }: Address) => `${scheme}://${user}@${host}:${port}`;
  const passwords = plan.nodes.map(({ node, address }) =>
    node.role === 'redis'
      ? [url('exporter', address), secrets.redis.exporter.reveal()]
      : [url('app', address), secrets.sentinel.app.reveal()],
  );
  const sentinels = plan.nodes.filter(({ node }) => node.role === 'sentinel');
  const env = [
    `SCHEME='${scheme}'`,
    `BOOTSTRAP='${bootstrapOf(plan).address.host}:${bootstrapOf(plan).address.port}'`,
    `SENTINELS='${sentinels.map(({ address }) => `${address.host}:${address.port}`).join(' ')}'`,
    `TLS_ARGS='${tls === undefined ? '' : `--tls-ca-cert-file=${TLS_PATHS.ca}`}'`,
  ];
  return new Map([
    ['exporter.sh', readFileSync(join(NODE_IMAGE_DIR, 'exporter.sh'), 'utf8')],
    ['exporter.env', `${env.join('\n')}\n`],
    ['passwords.json', `${JSON.stringify(Object.fromEntries(passwords), null, 2)}\n`],
    ...(tls === undefined ? [] : [['tls/ca.crt', tls.ca] as const]),
  ]);
}

function commanderTexts(
  plan: DockerPlan,
  secrets: EnvironmentSecrets,
  tls: TlsTexts | undefined,
  password: string,
): Map<string, string> {
  const sentinels = plan.nodes.filter(({ node }) => node.role === 'sentinel');
  const tlsOption = tls === undefined ? false : { ca: tls.ca };
  const user = { username: 'app', password: secrets.redis.app.reveal(), tls: tlsOption, dbIndex: 0 };
  const first = bootstrapOf(plan).address;
  const nodes = plan.nodes.map(({ address }) => address);
  const cluster = plan.environment.topology.kind === 'cluster';
  const connection = cluster
    ? { label: plan.environment.name, isCluster: true, clusters: nodes, ...user }
    : sentinels.length === 0
      ? { label: plan.environment.name, host: first.host, port: first.port, ...user }
      : {
          label: plan.environment.name,
          sentinels: sentinels.map(({ address }) => address),
          sentinelName: plan.environment.topology.serviceName,
          sentinelUsername: 'app',
          sentinelPassword: secrets.sentinel.app.reveal(),
          sentinelTLS: tlsOption,
          ...user,
        };
  const config = {
    noSave: true,
    noLogData: true,
    server: { address: '0.0.0.0', port: 8081, httpAuth: { username: 'admin', password } },
    connections: [connection],
  };
  return new Map([['local.json', `${JSON.stringify(config, null, 2)}\n`]]);
}

function hashesOf(texts: Texts): ReadonlyMap<string, string> {
  return new Map(
    [...texts].map(([volume, entries]) => {
      const lines = [...entries].map(([path, text]) => `${path}\0${sha256(text)}\n`).sort();
      return [volume, sha256(lines.join(''))];
    }),
  );
}

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

const base = (name: string): string => readFileSync(join(PROJECT, name), 'utf8');

function bootstrapOf(plan: DockerPlan): PlannedNode {
  const found = plan.nodes.find(({ node }) => node.role === 'redis' && node.bootstrapMaster);
  if (found === undefined) throw new Error('a topology has a bootstrap master');
  return found;
}
