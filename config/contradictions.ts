/** Finds contradictory settings, with which the environment could never work. Pure. */
import type { z } from 'zod';
import { hostContradictions } from './host-placement.ts';
import { atLeast, namedServer, OLDEST_SUPPORTED, SUPPORTED_SERVERS } from './server-name.ts';
import { FAST_DOWN_AFTER_MS, MAX_REDIS_NODES, STOCK_DOWN_AFTER_MS, type settingsSchema } from './settings.ts';

type Settings = z.infer<typeof settingsSchema>;

interface Contradiction {
  readonly path: readonly string[];
  readonly message: string;
}

export function findContradictions(env: Settings): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const { kind, replicas, sentinels, quorum } = env.topology;
  if (kind === 'sentinel' && quorum > sentinels) {
    found.push({
      path: ['topology', 'quorum'],
      message: `must be from 1 to the number of sentinels (${sentinels}), got '${quorum}': no failover could start`,
    });
  }
  if (kind === 'sentinel' && (replicas < 1 || sentinels < 1)) {
    found.push({
      path: ['topology', 'kind'],
      message: `'sentinel' needs at least one replica and one sentinel; here: ${replicas} and ${sentinels}`,
    });
  }
  if (kind === 'single' && (replicas > 0 || sentinels > 0)) {
    found.push({
      path: ['topology', 'kind'],
      message: `'single' has no replicas and no sentinels; here: ${replicas} and ${sentinels}`,
    });
  }
  if (env.sentinel.pingPeriodMs !== undefined && !env.sentinel.watchdog) {
    found.push({
      path: ['sentinel', 'pingPeriodMs'],
      message: 'must be omitted while sentinel.watchdog is false: only the watchdog sets the ping period',
    });
  }
  found.push(
    ...certificateContradictions(env),
    ...serverContradictions(env),
    ...fastContradictions(env.sentinel),
    ...clusterContradictions(env),
    ...hostContradictions(env),
  );
  if (env.redis.minReplicasToWrite > replicas) {
    found.push({
      path: ['redis', 'minReplicasToWrite'],
      message: `must be from 0 to the number of replicas (${replicas}), got '${env.redis.minReplicasToWrite}': every write would be rejected`,
    });
  }
  const durable = env.durability.durableWrites;
  if (durable !== 'async' && durable.replicas > replicas) {
    found.push({
      path: ['durability', 'durableWrites', 'replicas'],
      message: `must be from 1 to the number of replicas (${replicas}), or async, got '${durable.replicas}': no durable write could be confirmed`,
    });
  }
  if (
    kind === 'sentinel' &&
    env.redis.port <= env.sentinel.port + sentinels - 1 &&
    env.sentinel.port <= env.redis.port + replicas
  ) {
    found.push({
      path: ['sentinel', 'port'],
      message: `must be the first of ${sentinels} ports that the Redis nodes do not use (${env.redis.port} to ${env.redis.port + replicas}), got '${env.sentinel.port}'`,
    });
  }
  return found;
}

/** Rejects certificates that no node would use. */
function certificateContradictions({ security }: Settings): readonly Contradiction[] {
  if (security.tls || security.certificates === undefined) return [];
  return [{ path: ['security', 'certificates'], message: 'must be omitted while security.tls is false' }];
}

/**
 * Finds servers that the kit does not support, and a `docker.image` without `redis.server`: the rendered files depend
 * on the server version.
 */
function serverContradictions(env: Settings): { path: string[]; message: string }[] {
  const server = namedServer(env);
  if (server !== undefined && !atLeast(server.version, OLDEST_SUPPORTED[server.family])) {
    const message = `must be ${SUPPORTED_SERVERS}, got '${env.redis.server}'`;
    return [{ path: ['redis', 'server'], message }];
  }
  if (server !== undefined || env.docker.image === undefined) return [];
  const message = `requires redis.server, the server in '${env.docker.image}', such as redis@8.2`;
  return [{ path: ['docker', 'image'], message }];
}

/**
 * Checks the settings for fast detection. Detection below 500 ms must be chosen explicitly, and needs pings that are
 * frequent enough to distinguish a stall from a loss.
 */
function fastContradictions({
  downAfterMs,
  fast,
  watchdog,
  pingPeriodMs,
}: Settings['sentinel']): { path: string[]; message: string }[] {
  if (!fast) {
    if (downAfterMs >= STOCK_DOWN_AFTER_MS || downAfterMs < FAST_DOWN_AFTER_MS) return [];
    const message = `must be from ${STOCK_DOWN_AFTER_MS} to 3600000, got '${downAfterMs}': a short stall would replace the master; set sentinel.fast to accept needless failovers`;
    return [{ path: ['sentinel', 'downAfterMs'], message }];
  }
  if (!watchdog) {
    const message = 'must be true with sentinel.fast: the watchdog sets the interval of the pings';
    return [{ path: ['sentinel', 'watchdog'], message }];
  }
  if (pingPeriodMs === undefined || 2 * pingPeriodMs <= downAfterMs) return [];
  const message = `must be at most half of sentinel.downAfterMs (${downAfterMs / 2}) with sentinel.fast, got '${pingPeriodMs}': one lost ping would count as a lost master`;
  return [{ path: ['sentinel', 'pingPeriodMs'], message }];
}

/** Finds contradictions in the size of a cluster, and in its ports if all nodes share one address. */
function clusterContradictions(env: Settings): { path: string[]; message: string }[] {
  const { kind, masters, replicas, sentinels } = env.topology;
  const found: { path: string[]; message: string }[] = [];
  if (kind !== 'cluster') {
    if (masters === 1) return [];
    const message = `must be 1 for kind '${kind}', got '${masters}'`;
    return [{ path: ['topology', 'masters'], message }];
  }
  if (masters < 3 || replicas < 1 || sentinels > 0) {
    found.push({
      path: ['topology', 'kind'],
      message: `'cluster' needs at least three masters (two cannot agree that one has failed), a replica for each and no sentinels; here: ${masters}, ${replicas} and ${sentinels}`,
    });
  }
  const nodes = masters * (1 + replicas);
  if (nodes > MAX_REDIS_NODES) {
    found.push({
      path: ['topology', 'masters'],
      message: `'${masters}' masters with ${replicas} replicas each must be at most ${MAX_REDIS_NODES} nodes, got ${nodes}`,
    });
  }
  const { port: first } = env.redis;
  const { busPort } = env.cluster;
  if (first < busPort + nodes && busPort < first + nodes) {
    found.push({
      path: ['cluster', 'busPort'],
      message: `must be the first of ${nodes} ports that the Redis nodes do not use (${first} to ${first + nodes - 1}), got '${busPort}'`,
    });
  }
  if (busPort + nodes - 1 > 65_535) {
    const message = `must be from 1 to ${65_536 - nodes} to leave ${nodes} ports, got '${busPort}'`;
    found.push({ path: ['cluster', 'busPort'], message });
  }
  return found;
}
