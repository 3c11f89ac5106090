/** When nodes answer, and when an environment is whole, asked of the nodes themselves through their published ports. */
import type { Environment } from '../environment.ts';
import { until } from '../wait.ts';

const ANSWER_TIMEOUT_MS = 60_000;
const WHOLE_TIMEOUT_MS = 60_000;

/** The node answers and has loaded its data. */
export async function awaitAnswer(environment: Environment, nodeId: string): Promise<void> {
  await until({ what: `${nodeId} to answer`, timeoutMs: ANSWER_TIMEOUT_MS }, async () => {
    const info = String(await (await environment.admin(nodeId)).call('INFO', 'persistence'));
    return /^loading:1/m.test(info) ? 'it is loading its data' : undefined;
  });
}

/** One master, every replica linked to it, every sentinel of that mind, and as many good replicas as writes need; a cluster: `cluster.ts`. */
export async function awaitWhole(environment: Environment, signal?: AbortSignal): Promise<void> {
  const what = `'${environment.name}' to be whole`;
  await until({ what, timeoutMs: WHOLE_TIMEOUT_MS, intervalMs: 50, signal }, () => missing(environment));
}

async function missing(environment: Environment): Promise<string | undefined> {
  const { redis, sentinels, environment: config } = environment.topology;
  if (environment.cluster !== undefined) return environment.cluster.missing();
  const masterId = await environment.masterId();
  if (masterId === undefined) return 'not exactly one node says that it is master';
  for (const { id } of redis) {
    const info = String(await (await environment.admin(id)).call('INFO', 'replication'));
    if (id !== masterId && !/^master_link_status:up/m.test(info)) return `${id} has no link to its master`;
    if (id !== masterId || config.redis.minReplicasToWrite === 0) continue;
    const good = Number(/^min_slaves_good_slaves:(\d+)/m.exec(info)?.[1] ?? 0);
    if (good < config.redis.minReplicasToWrite) return `${id} counts ${good} good replicas`;
  }
  for (const { id } of sentinels) {
    const reply = await (await environment.admin(id)).call(
      'SENTINEL',
      'CKQUORUM',
      config.topology.serviceName,
    );
    if (!String(reply).startsWith(`OK ${sentinels.length} `)) return `${id}: ${String(reply)}`;
  }
  return undefined;
}
