/** Nodes that currently accept writes: the single master, or in a cluster one per shard. */
import { KitError } from '../../config/errors.ts';
import { failoverBoundMs } from '../../infra/operations/roles.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import { type Environment, type NodeStatus, RECENT } from '../../infra/substrates/environment.ts';
import { waitUntil } from '../wait.ts';
import type { ScriptContext } from '../workloads/scripted/script.ts';
import { onNode } from './on-node.ts';

/** Returns all masters; waits for the end of a failover. @throws KitError `WAIT_TIMEOUT` */
export function awaitMasters(environment: Environment, signal?: AbortSignal): Promise<readonly NodeStatus[]> {
  const planned = environment.topology.redis.filter(({ bootstrapMaster }) => bootstrapMaster).length;
  const look = async () => {
    const shards = await environment.cluster?.shards();
    if (shards !== undefined && shards.length < planned) return undefined;
    return statusesOf(environment, shards?.map(({ master }) => master) ?? [await environment.masterId()]);
  };
  return waitUntil(planned === 1 ? 'a master' : `${planned} masters`, look, {
    boundMs: failoverBoundMs(environment.topology),
    signal,
  });
}

/** Returns the master of a key; waits for the end of a failover. @throws KitError `WAIT_TIMEOUT` */
export function awaitMasterWithKey(
  environment: Environment,
  key: string,
  signal?: AbortSignal,
): Promise<NodeStatus> {
  const wait = { boundMs: failoverBoundMs(environment.topology), signal };
  return waitUntil(`a master with the key ${key}`, () => masterWithKey(environment, key), wait);
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

/** Returns the access of a script to the nodes, during and after a change of the master. */
export function nodeAccess(
  environment: Environment,
  signal: AbortSignal,
): Pick<ScriptContext, 'masterId' | 'masterOf' | 'masters' | 'onEachNode'> {
  const nodes = environment.topology.redis.map(({ id }) => id);
  return {
    masterId: async () => ((await awaitMasters(environment, signal))[0] as NodeStatus).id,
    masterOf: async (key) => environment.admin((await awaitMasterWithKey(environment, key, signal)).id),
    masters: async () =>
      Promise.all((await awaitMasters(environment, signal)).map(({ id }) => environment.admin(id))),
    onEachNode: async (act, { afterInterrupt = false } = {}) => {
      const replies = nodes.map(
        async (id) => [id, await onNode(environment, id, act, afterInterrupt ? undefined : signal)] as const,
      );
      return Object.fromEntries(await Promise.all(replies));
    },
  };
}
