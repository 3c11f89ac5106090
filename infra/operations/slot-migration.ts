/**
 * Migrates slots of a cluster from one master to another, with their keys and under load, in the order that the cluster
 * specification requires:
 *
 *   1. the new owner imports the slot (IMPORTING), then the old owner migrates it (MIGRATING)
 *   2. keys move in batches (MIGRATE); the old owner redirects requests for a migrated key (ASK)
 *   3. SETSLOT NODE assigns the slot on the new owner first, then on the old owner, then on the other nodes
 *   4. at the end every node, replicas included, sees the same owners. Otherwise a replica that is promoted with a
 *      stale view would leave a slot without an owner
 *
 * An abort takes effect between two slots. Left out: which slots to migrate (balancing).
 */
import type { Redis } from 'ioredis';
import { KitError } from '../../config/errors.ts';
import { pause, waitWhile } from '../host/wait.ts';
import { type ClusterLine, parseClusterNodes } from '../redis/cluster-nodes.ts';
import type { Environment } from '../substrates/environment.ts';
import type { Address } from '../topology.ts';

const BATCH_KEYS = 100;
const MIGRATE_TIMEOUT_MS = 1_000;
/** Maximum number of retries of MIGRATE per slot. */
const MIGRATE_RETRIES = 3;
/** Pause before each retry, in ms. */
const MIGRATE_PAUSE_MS = 200;
/**
 * Maximum time, in ms, until all nodes report the same owners: each heartbeat, sent about once per second, contains the
 * owners.
 */
const AGREED_MS = 15_000;

export interface SlotMove {
  /** Ids of the current and the new owner of the slots. */
  readonly from: string;
  readonly to: string;
  readonly slots: readonly number[];
}

export interface SlotMoveReport {
  readonly slots: number;
  readonly keys: number;
  readonly tookMs: number;
}

interface Master {
  readonly nodeId: string;
  readonly redis: Redis;
  readonly announced: Address;
  readonly self: ClusterLine;
}

export async function moveSlots(
  environment: Environment,
  { from, to, slots }: SlotMove,
  signal?: AbortSignal,
): Promise<SlotMoveReport> {
  const startedAt = performance.now();
  const masters = await mastersOf(environment);
  const [source, target] = [masterNamed(masters, from), masterNamed(masters, to)];
  let keys = 0;
  let moved = 0;
  for (const slot of slots) {
    if (signal?.aborted) break;
    keys += await moveSlot(slot, source, target, masters);
    moved += 1;
  }
  await awaitAgreement(environment);
  return { slots: moved, keys, tookMs: performance.now() - startedAt };
}

/**
 * Moves every slot back to the shard that owns it in the plan, and completes interrupted migrations.
 *
 * @returns the number of migrated slots
 */
export async function restoreSlots(environment: Environment): Promise<number> {
  let moved = 0;
  for (const master of await mastersOf(environment)) {
    const masters = await mastersOf(environment);
    for (const { slot, to } of master.self.migrating) {
      const target = masters.find(({ self }) => self.id === to);
      if (target === undefined) continue;
      await moveSlot(slot, master, target, masters);
      moved += 1;
    }
  }
  const masters = await mastersOf(environment);
  const home = plannedMasterOf(environment, masters);
  for (const master of masters) {
    for (const [first, last] of master.self.slots) {
      for (let slot = first; slot <= last; slot += 1) {
        const owner = home(slot);
        if (owner === undefined || owner.nodeId === master.nodeId) continue;
        await moveSlot(slot, master, owner, masters);
        moved += 1;
      }
    }
  }
  await awaitAgreement(environment);
  return moved;
}

/**
 * Waits until all nodes report the same owners. @throws KitError if a node still reports other owners after `AGREED_MS`
 */
async function awaitAgreement(environment: Environment): Promise<void> {
  const what = 'all nodes to agree on the slot owners';
  await waitWhile({ what, timeoutMs: AGREED_MS, intervalMs: 50 }, async () => {
    const running = (await environment.status()).filter(({ state }) => state === 'running');
    const views = new Map<string, string>();
    for (const { id } of running) {
      if (!environment.topology.redis.some((node) => node.id === id)) continue;
      const nodes = parseClusterNodes(String(await (await environment.admin(id)).call('CLUSTER', 'NODES')));
      const owners = nodes
        .filter(({ slots }) => slots.length > 0)
        .map(({ id: node, slots }) => `${node} ${slots.join(' ')}`);
      views.set(id, owners.sort().join('; '));
    }
    const [first] = views.values();
    const other = [...views].find(([, view]) => view !== first);
    return other === undefined ? undefined : `${other[0]} reports other owners`;
  });
}

/** Returns the slots of a master that contain keys, sorted by number of keys, highest first. */
export async function slotsWithKeys(
  environment: Environment,
  nodeId: string,
  most: number,
): Promise<readonly number[]> {
  const { redis, self } = masterNamed(await mastersOf(environment), nodeId);
  const slots = self.slots.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  const pipeline = redis.pipeline();
  for (const slot of slots) pipeline.call('CLUSTER', 'COUNTKEYSINSLOT', slot);
  const counts = ((await pipeline.exec()) ?? []).map(([, count]) => Number(count));
  return slots
    .map((slot, i) => ({ slot, keys: counts[i] ?? 0 }))
    .filter(({ keys }) => keys > 0)
    .sort((a, b) => b.keys - a.keys)
    .slice(0, most)
    .map(({ slot }) => slot);
}

async function moveSlot(
  slot: number,
  source: Master,
  target: Master,
  masters: readonly Master[],
): Promise<number> {
  await target.redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.self.id);
  await source.redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.self.id);
  const keys = await moveKeys(slot, source, target);
  // The new owner first: if the old one were updated first and then failed, the slot would have no owner.
  const others = masters.filter(({ nodeId }) => nodeId !== source.nodeId && nodeId !== target.nodeId);
  for (const { redis } of [target, source, ...others]) {
    await redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', target.self.id);
  }
  return keys;
}

async function moveKeys(slot: number, source: Master, target: Master): Promise<number> {
  const { host, port } = target.announced;
  const { username = '', password } = target.redis.options;
  const login = ['AUTH2', String(username), String(password)];
  // A MIGRATE that fails may have moved some of its keys.
  const moved = Number(await source.redis.call('CLUSTER', 'COUNTKEYSINSLOT', slot));
  let failures = 0;
  for (;;) {
    const keys = (await source.redis.call('CLUSTER', 'GETKEYSINSLOT', slot, BATCH_KEYS)) as readonly string[];
    if (keys.length === 0) return moved;
    // REPLACE: an interrupted migration may have left copies of these keys on the target.
    const how = [host, port, '', 0, MIGRATE_TIMEOUT_MS, 'REPLACE', ...login, 'KEYS', ...keys];
    try {
      await source.redis.call('MIGRATE', ...how);
    } catch (error) {
      // The target did not accept the connection or did not reply in time.
      failures += 1;
      if (!/^IOERR|^Command timed out/.test((error as Error).message) || failures > MIGRATE_RETRIES)
        throw error;
      await pause(MIGRATE_PAUSE_MS);
    }
  }
}

async function mastersOf(environment: Environment): Promise<readonly Master[]> {
  const status = await environment.status();
  const shards = (await environment.cluster?.shards()) ?? [];
  return Promise.all(
    shards.map(async ({ master }): Promise<Master> => {
      const redis = await environment.admin(master);
      const lines = parseClusterNodes(String(await redis.call('CLUSTER', 'NODES')));
      const node = status.find(({ id }) => id === master);
      const self = lines.find(({ flags }) => flags.includes('myself'));
      const announced = node?.announced ?? node?.address;
      if (self === undefined || announced === undefined)
        throw new Error(`${master} is not a node of this cluster`);
      return { nodeId: master, redis, announced, self };
    }),
  );
}

function masterNamed(masters: readonly Master[], nodeId: string): Master {
  const master = masters.find((each) => each.nodeId === nodeId);
  if (master !== undefined) return master;
  throw new KitError(`${nodeId} must be a master of this cluster to move slots`, {
    code: 'NO_SUCH_MASTER',
    hint: `masters: ${masters.map((each) => each.nodeId).join(', ')}`,
  });
}

/** Returns the current master of the shard that owns a slot in the plan. */
function plannedMasterOf(
  { topology }: Environment,
  masters: readonly Master[],
): (slot: number) => Master | undefined {
  const shards = topology.redis.filter(({ bootstrapMaster }) => bootstrapMaster).map(({ shard }) => shard);
  return (slot) => {
    const planned = shards.find(
      (shard) => shard !== undefined && shard.slots[0] <= slot && slot <= shard.slots[1],
    );
    const nodes = topology.redis.filter(({ shard }) => shard?.master === planned?.master);
    return masters.find(({ nodeId }) => nodes.some(({ id }) => id === nodeId));
  };
}
