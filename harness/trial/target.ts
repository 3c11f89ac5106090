/** Resolves the target of a fault to nodes, at the time of its injection. */
import { failoverBoundMs } from '../../infra/operations/roles.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { nodesOf } from '../../infra/topology.ts';
import type { Target } from '../drills/drill.ts';
import { type WaitOptions, waitUntil } from '../wait.ts';

/**
 * Returns the current nodes of a target; in a cluster, the master and the replicas of the shard with the first slots.
 */
export async function resolveTarget(
  environment: Environment,
  target: Target,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // The master of a second fault is the successor promoted after the first one.
  const wait = { boundMs: failoverBoundMs(environment.topology), signal };
  switch (target) {
    case 'none':
      return [];
    case 'sentinel-1':
    case 'sentinel-2':
      return [target];
    case 'watchdog':
      return environment.topology.watchdog === undefined ? [] : [target];
    case 'all-nodes':
      return nodesOf(environment.topology).map(({ id }) => id);
    case 'master':
      return [(await shardOf(environment, wait)).master];
    case 'replica':
    case 'all-replicas': {
      const { replicas } = await shardOf(environment, wait);
      const found = await waitUntil(
        'a running replica',
        async () => {
          const running = await runningAmong(environment, replicas());
          return running.length > 0 && running;
        },
        wait,
      );
      return target === 'replica' ? found.slice(0, 1) : found;
    }
  }
}

interface Shard {
  readonly master: string;
  replicas(): readonly string[];
}

async function shardOf(environment: Environment, wait: WaitOptions): Promise<Shard> {
  const { cluster, topology } = environment;
  if (cluster !== undefined) {
    const shard = await waitUntil(
      'a shard with a replica',
      async () => (await cluster.shards()).find(({ replicas }) => replicas.length > 0),
      wait,
    );
    return { master: shard.master, replicas: () => shard.replicas };
  }
  const master = await waitUntil('exactly one master', () => environment.masterId(), wait);
  return { master, replicas: () => topology.redis.map(({ id }) => id).filter((id) => id !== master) };
}

async function runningAmong(environment: Environment, ids: readonly string[]): Promise<readonly string[]> {
  const nodes = await environment.status();
  return nodes.filter(({ id, state }) => ids.includes(id) && state === 'running').map(({ id }) => id);
}
