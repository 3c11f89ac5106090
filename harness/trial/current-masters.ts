/** Nodes that currently accept writes: the single master, or in a cluster one per shard. */
import { KitError } from '../../config/errors.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import { type Environment, type NodeStatus, RECENT } from '../../infra/substrates/environment.ts';

/** Returns the masters. @throws KitError `NO_MASTER` */
export async function mastersOf(environment: Environment): Promise<readonly NodeStatus[]> {
  const shards = await environment.cluster?.shards();
  return statusesOf(environment, shards?.map(({ master }) => master) ?? [await environment.masterId()]);
}

/** Returns the master of a key. @throws KitError `NO_MASTER` if, in a cluster, no node serves the slot of the key */
export async function masterWithKey(environment: Environment, key: string): Promise<NodeStatus> {
  const slot = keySlot(key);
  const shards = await environment.cluster?.shards();
  const owner = shards?.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last));
  const id = shards === undefined ? await environment.masterId() : owner?.master;
  const [master] = await statusesOf(environment, [id]);
  return master as NodeStatus;
}

async function statusesOf(environment: Environment, ids: readonly (string | undefined)[]) {
  const statuses = await environment.status(RECENT);
  const found = ids.map((id) => statuses.find((status) => status.id === id));
  if (found.length === 0 || found.includes(undefined)) {
    throw new KitError('no node is a master', { code: 'NO_MASTER' });
  }
  return found as NodeStatus[];
}
