/** Settings that contradict each other, so that the environment could never work. Pure. */
import type { z } from 'zod';
import { MAX_REDIS_NODES, type settingsSchema } from './settings.ts';

type Settings = z.infer<typeof settingsSchema>;

export function contradictions(env: Settings): readonly { path: readonly string[]; message: string }[] {
  const found: { path: string[]; message: string }[] = [];
  const { kind, replicas, sentinels, quorum } = env.topology;
  if (!env.security.tls && env.security.certificates !== undefined) {
    found.push({
      path: ['security', 'certificates'],
      message: "given, but 'security.tls' is false: nobody would use them; allowed: none, or tls: true",
    });
  }
  if (kind === 'sentinel' && quorum > sentinels) {
    found.push({
      path: ['topology', 'quorum'],
      message: `'${quorum}' is above the number of sentinels (${sentinels}): no failover could ever start; allowed: 1 to ${sentinels}`,
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
  found.push(...clusterContradictions(env));
  if (env.redis.minReplicasToWrite > replicas) {
    found.push({
      path: ['redis', 'minReplicasToWrite'],
      message: `'${env.redis.minReplicasToWrite}' is above the number of replicas (${replicas}): no write would ever be taken; allowed: 0 to ${replicas}`,
    });
  }
  const durable = env.durability.durableWrites;
  if (durable !== 'async' && durable.replicas > replicas) {
    found.push({
      path: ['durability', 'durableWrites', 'replicas'],
      message: `'${durable.replicas}' is above the number of replicas (${replicas}): no durable write would ever be confirmed; allowed: async, or 1 to ${replicas} replicas`,
    });
  }
  if (
    kind === 'sentinel' &&
    env.redis.port <= env.sentinel.port + sentinels - 1 &&
    env.sentinel.port <= env.redis.port + replicas
  ) {
    found.push({
      path: ['sentinel', 'port'],
      message: `'${env.sentinel.port}' runs into the ports of the Redis nodes (${env.redis.port} to ${env.redis.port + replicas}) where all share one address; allowed: a port whose next ${sentinels} are free`,
    });
  }
  return found;
}

/** Contradictions in the size of a cluster, and in its ports where all nodes share one address. */
function clusterContradictions(env: Settings): { path: string[]; message: string }[] {
  const { kind, masters, replicas, sentinels } = env.topology;
  const found: { path: string[]; message: string }[] = [];
  if (kind !== 'cluster') {
    if (masters === 1) return [];
    const message = `'${masters}' masters need a cluster, here '${kind}'; allowed: 1`;
    return [{ path: ['topology', 'masters'], message }];
  }
  if (masters < 3 || replicas < 1 || sentinels > 0) {
    found.push({
      path: ['topology', 'kind'],
      message: `'cluster' needs at least three masters (two cannot agree that one has failed), a replica of each and no sentinels; here: ${masters}, ${replicas} and ${sentinels}`,
    });
  }
  const nodes = masters * (1 + replicas);
  if (nodes > MAX_REDIS_NODES) {
    found.push({
      path: ['topology', 'masters'],
      message: `'${masters}' masters with ${replicas} replicas each are ${nodes} nodes; allowed: ${MAX_REDIS_NODES} in all`,
    });
  }
  const { port: first } = env.redis;
  const { busPort } = env.cluster;
  if (first < busPort + nodes && busPort < first + nodes) {
    found.push({
      path: ['cluster', 'busPort'],
      message: `'${busPort}' runs into the ports of the Redis nodes (${first} to ${first + nodes - 1}) where all share one address; allowed: a port whose next ${nodes} are free`,
    });
  }
  if (busPort + nodes - 1 > 65_535) {
    const message = `'${busPort}' leaves no ${nodes} ports; allowed: 1 to ${65_536 - nodes}`;
    found.push({ path: ['cluster', 'busPort'], message });
  }
  return found;
}
