/**
 * A topology made only from the rendered files, for tests of these files: real redis-server processes on separate
 * loopback addresses. `infra/substrates/local/` does this in the product.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import { type EnvironmentSecrets, loadSecrets } from '../../../../config/secrets.ts';
import { makeCertificates } from '../../../../infra/certificates/generate.ts';
import { poll } from '../../../../infra/host/wait.ts';
import { renderRedisAcl, renderSentinelAcl, watchdogUseOf } from '../../../../infra/redis/conf/acl.ts';
import { renderRedisConf, type TlsPaths } from '../../../../infra/redis/conf/redis-conf.ts';
import { renderSentinelConf } from '../../../../infra/redis/conf/sentinel-conf.ts';
import type { BinaryFacts } from '../../../../infra/redis/server-capabilities.ts';
import {
  type Address,
  nodesOf,
  planTopology,
  type Topology,
  type TopologyNode,
} from '../../../../infra/topology.ts';

const root = join(import.meta.dirname, '../../../..');
export const baseRedis = readFileSync(join(root, 'redis-production.conf'), 'utf8');
export const baseSentinel = readFileSync(join(root, 'sentinel.conf'), 'utf8');

export const installedVersion =
  /v=(\d+\.\d+\.\d+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
/** Facts without defragmentation, so that the files work with any build. */
export const facts: BinaryFacts = { version: installedVersion, activedefrag: false, tls: true };

export interface ConfTopology extends AsyncDisposable {
  readonly topology: Topology;
  readonly secrets: EnvironmentSecrets;
  readonly tls: { readonly ca: string } | undefined;
  address(id: string): Address;
  /** Opens a connection as `user`. It is closed together with the topology. */
  connect(id: string, user: string, options?: RedisOptions): Redis;
  kill(id: string): void;
  log(id: string): string;
  conf(id: string): string;
}

/** Polls a condition. The timeout error names the condition. */
export async function waitUntil<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  withinMs = 60_000,
): Promise<T> {
  return poll({ timeoutMs: withinMs, intervalMs: 50 }, async () => {
    const found = await check().catch(() => undefined);
    return found === undefined || found === false ? { observed: found } : { value: found };
  }).then((last) => {
    if ('value' in last) return last.value;
    throw new Error(`timed out after ${withinMs} ms waiting for: ${what}`);
  });
}

export async function startConfTopology(environment: EnvironmentConfig): Promise<ConfTopology> {
  const topology = planTopology(environment);
  const dir = mkdtempSync(join(tmpdir(), 'kit-topology-'));
  const net = `127.${randomInt(100, 200)}.${randomInt(1, 250)}`;
  const placement = new Map(
    nodesOf(topology).map((node, i) => [
      node.id,
      {
        host: `${net}.${i + 1}`,
        port: node.role === 'redis' ? environment.redis.port : environment.sentinel.port,
      },
    ]),
  );
  const address = (id: string) => placement.get(id) as Address;
  const secrets = loadSecrets(environment.name, dir, new Map());
  const tls = environment.security.tls
    ? await writeCertificates(dir, [...placement.values()], environment.name)
    : undefined;
  const processes = new Map<string, ChildProcess>();
  const connections: Redis[] = [];
  const master = address('redis-1');

  const rendering = { environment, topology, placement, secrets, dir, master, tls: tls?.paths };
  const start = (node: TopologyNode): void => void processes.set(node.id, startNode(node, rendering));

  const password = (id: string, user: string) =>
    id.startsWith('redis') ? secrets.redis[user as 'admin'] : secrets.sentinel[user as 'admin'];
  const ca = tls === undefined ? undefined : { ca: tls.ca };
  const started: ConfTopology = {
    topology,
    secrets,
    tls: ca,
    address,
    connect(id, user, options = {}) {
      const merged: RedisOptions & { replyMapping: 'legacy' } = {
        ...address(id),
        username: user,
        password: password(id, user)?.reveal() ?? '',
        ...(ca === undefined ? {} : { tls: { ca: ca.ca } }),
        enableReadyCheck: false,
        retryStrategy: () => 100,
        ...options,
        replyMapping: 'legacy',
      };
      const connection = new Redis(merged);
      connection.on('error', () => undefined);
      connections.push(connection);
      return connection;
    },
    kill: (id) => void processes.get(id)?.kill('SIGKILL'),
    log: (id) => readFileSync(join(dir, id, 'log'), 'utf8'),
    conf: (id) => readFileSync(join(dir, id, 'node.conf'), 'utf8'),
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.disconnect();
      await Promise.all([...processes.values()].map(end));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    topology.redis.forEach(start);
    await waitUntil('replicas in sync', async () => {
      const info = await started.connect('redis-1', 'admin').info('replication');
      return (info.match(/state=online/g) ?? []).length === topology.redis.length - 1;
    });
    // Sentinels start after the replicas, because a sentinel asks its master for replicas at its own start, and then
    // not again for 10 s.
    topology.sentinels.forEach(start);
    return started;
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

interface Rendering {
  readonly environment: EnvironmentConfig;
  readonly topology: Topology;
  readonly placement: ReadonlyMap<string, Address>;
  readonly secrets: EnvironmentSecrets;
  readonly dir: string;
  readonly master: Address;
  readonly tls: TlsPaths | undefined;
}

/** Writes the files of a node and starts its process. */
function startNode(node: TopologyNode, rendering: Rendering): ChildProcess {
  const { environment, topology, placement, secrets, master, tls } = rendering;
  const home = join(rendering.dir, node.id);
  mkdirSync(home);
  const paths = {
    dir: home,
    aclfile: join(home, 'users.acl'),
    pidfile: join(home, 'pid'),
    logfile: join(home, 'log'),
    ...(tls === undefined ? {} : { tls }),
  };
  const shared = { topology, placement, facts, secrets, paths, bindSource: true };
  const isRedis = node.role === 'redis';
  const replicaOf = node.role === 'redis' && node.bootstrapMaster ? undefined : master;
  const rendered = isRedis
    ? renderRedisConf({ ...shared, node, base: baseRedis, cores: 2, replicaOf })
    : renderSentinelConf({ ...shared, node, base: baseSentinel, master });
  const use = watchdogUseOf(topology);
  const acl = isRedis
    ? renderRedisAcl(secrets, environment.client.namespace, facts.version, use)
    : renderSentinelAcl(secrets, facts.version, use);
  writeFileSync(join(home, 'node.conf'), rendered.text, { mode: 0o600 });
  writeFileSync(paths.aclfile, acl, { mode: 0o600 });
  const mode = node.role === 'sentinel' ? ['--sentinel'] : [];
  return spawn('redis-server', [join(home, 'node.conf'), ...mode], { stdio: 'ignore' });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function writeCertificates(
  dir: string,
  addresses: readonly Address[],
  environment: string,
): Promise<{ paths: TlsPaths; ca: string }> {
  const made = await makeCertificates({ addresses: addresses.map((each) => each.host), environment });
  const paths = { ca: join(dir, 'ca.pem'), cert: join(dir, 'node.pem'), key: join(dir, 'node.key') };
  writeFileSync(paths.ca, made.ca);
  writeFileSync(paths.cert, made.cert);
  writeFileSync(paths.key, made.key.reveal(), { mode: 0o600 });
  return { paths, ca: made.ca };
}
