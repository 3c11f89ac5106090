/** INFO of every Redis node, once per second and once at the end: role, memory, evictions, replication. */
import type { Info } from '../../infra/redis/info.ts';
import { infoNumber, parseInfo, replicasOf } from '../../infra/redis/info.ts';
import type { Sampler, SamplerContext } from './sampler.ts';
import { SAMPLE_EVERY_MS } from './sampler.ts';

export function sampleNodeInfo({ environment, clock, recorder }: SamplerContext): Sampler {
  const asked = new Map<string, Promise<void>>();

  const sample = async (node: string) => {
    try {
      const info = parseInfo(await (await environment.admin(node)).info());
      const data = fieldsOf(info);
      recorder.record({ type: 'observe', from: 'info', name: 'sample', node, atUs: clock.nowUs(), data });
    } catch {
      // The node is down or hung; the gap in the samples shows this.
    } finally {
      asked.delete(node);
    }
  };
  const sampleAll = () => {
    for (const { id } of environment.topology.redis) {
      // A node whose last reply is still outstanding is not queried again.
      if (!asked.has(id)) asked.set(id, sample(id));
    }
    return Promise.all(asked.values());
  };
  const timer = setInterval(() => void sampleAll(), SAMPLE_EVERY_MS);
  void sampleAll();
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(asked.values());
      await sampleAll();
    },
  };
}

function fieldsOf(info: Info): Readonly<Record<string, string | number | boolean | null>> {
  const number = (field: string) => infoNumber(info, field);
  const isMaster = info.role === 'master';
  return {
    role: info.role ?? null,
    usedMemory: number('used_memory'),
    maxmemory: number('maxmemory'),
    evictedKeys: number('evicted_keys'),
    connectedClients: number('connected_clients'),
    blockedClients: number('blocked_clients'),
    rejectedConnections: number('rejected_connections'),
    opsPerSec: number('instantaneous_ops_per_sec'),
    latestForkUs: number('latest_fork_usec'),
    masterReplOffset: number('master_repl_offset'),
    replicaOffset: isMaster ? null : number('slave_repl_offset'),
    linkStatus: isMaster ? null : (info.master_link_status ?? null),
    connectedReplicas: number('connected_slaves'),
    lagSeconds: isMaster ? longestLag(info) : number('master_last_io_seconds_ago'),
  };
}

/** Returns the longest lag, in seconds, of a master's replicas; null if it has none or INFO does not contain it. */
function longestLag(info: Info): number | null {
  const lags = replicasOf(info).flatMap((replica) => infoNumber(replica, 'lag') ?? []);
  return lags.length === 0 ? null : Math.max(0, ...lags);
}
