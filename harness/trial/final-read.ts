/**
 * Reads the written keys directly from every node, including replicas, after the faults are healed, and removes the
 * keys. Uses admin connections, which bypass the client and its fallback.
 */
import type { Redis } from 'ioredis';
import { decodeEnvelope } from '../../client/envelope.ts';
import { KitError } from '../../config/errors.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import type { WrittenKey } from '../workloads/issuer.ts';
import { logicalValue } from '../workloads/values.ts';
import type { TrialContext } from './context.ts';
import { awaitMasters } from './current-masters.ts';
import { onNode } from './on-node.ts';

const BATCH = 500;
const REMOVAL_WAIT_MS = 10_000;
/** Reply of PTTL for a key that does not exist. */
const ABSENT = -2;

export async function readAllNodes(
  environment: Environment,
  written: readonly WrittenKey[],
  history: { readonly recorder: Recorder; readonly clock: Clock },
): Promise<void> {
  for (const { shard, nodes, keys } of await groupsOf(environment, written)) {
    for (const id of nodes) {
      const [role] = await onNode(
        environment,
        id,
        async (redis) => (await redis.call('ROLE')) as readonly [string],
      );
      for (const batch of batchesOf(keys)) {
        const values = await onNode(environment, id, (redis) => readNode(redis, batch, shard));
        history.recorder.record({
          type: 'final',
          node: id,
          ...(shard !== undefined && { shard }),
          redisRole: role === 'master' ? 'master' : 'replica',
          atUs: history.clock.nowUs(),
          entries: batch.map(
            ({ key, encoding }, i) => [key, rawValueOf(values[i] ?? null, encoding)] as const,
          ),
        });
      }
    }
  }
}

/** Nodes that should all hold the same keys. */
interface Group {
  /** Shard of the nodes; undefined outside a cluster. */
  readonly shard: string | undefined;
  readonly master: string | undefined;
  readonly nodes: readonly string[];
  readonly keys: readonly WrittenKey[];
}

/** Returns one group with all nodes, or one group per current shard of a cluster. */
async function groupsOf(environment: Environment, keys: readonly WrittenKey[]): Promise<readonly Group[]> {
  const { redis } = environment.topology;
  if (environment.cluster === undefined) {
    const master = await environment.masterId();
    return [{ shard: undefined, master, nodes: redis.map(({ id }) => id), keys }];
  }
  const slots = keys.map(({ key }) => keySlot(key));
  return (await environment.cluster.shards()).map(({ master, replicas, slots: ranges }) => ({
    shard: redis.find(({ id }) => id === master)?.shard?.master,
    master,
    nodes: [master, ...replicas],
    keys: keys.filter((_, i) =>
      ranges.some(([first, last]) => first <= Number(slots[i]) && Number(slots[i]) <= last),
    ),
  }));
}

/** Reads the keys from a node. A node of a cluster accepts one key per command, and a replica only after READONLY. */
async function readNode(
  redis: Redis,
  keys: readonly WrittenKey[],
  shard: string | undefined,
): Promise<readonly (Buffer | null)[]> {
  if (shard === undefined) return redis.mgetBuffer(keys.map(({ key }) => key));
  await redis.call('READONLY');
  return Promise.all(keys.map(({ key }) => redis.getBuffer(key)));
}

/** Returns the remaining TTLs, in ms, of the keys that exist on the masters; -1 for a key without an expiry. */
export async function expiriesOf(
  environment: Environment,
  written: readonly WrittenKey[],
): Promise<ReadonlyMap<string, number>> {
  const expiries = new Map<string, number>();
  for (const { master, keys } of await groupsOf(environment, written)) {
    if (master === undefined) continue;
    for (const batch of batchesOf(keys)) {
      const read = (redis: Redis) => Promise.all(batch.map(({ key }) => redis.pttl(key)));
      const times = await onNode(environment, master, read);
      for (const [i, { key }] of batch.entries()) {
        const ttlMs = times[i] ?? ABSENT;
        if (ttlMs !== ABSENT) expiries.set(key, ttlMs);
      }
    }
  }
  return expiries;
}

/**
 * Removes the keys from the master, so that the next trial starts from the same state as this one. Runs also after an
 * interrupt, and therefore has its own time limit for the end of a failover, 10 s.
 *
 * @throws KitError `NO_MASTER` if keys have no master
 */
async function removeKeys(environment: Environment, written: readonly WrittenKey[]): Promise<void> {
  if (written.length === 0) return;
  await awaitMasters(environment, AbortSignal.timeout(REMOVAL_WAIT_MS)).catch(() => undefined);
  const groups = await groupsOf(environment, written);
  let removed = 0;
  for (const { shard, master, keys } of groups) {
    if (master === undefined) continue;
    for (const batch of batchesOf(keys)) {
      // A node of a cluster accepts one key per command.
      const parts = shard === undefined ? [batch] : batch.map((entry) => [entry]);
      await onNode(environment, master, (redis) =>
        Promise.all(parts.map((part) => redis.unlink(part.map(({ key }) => key)))),
      );
    }
    removed += keys.length;
  }
  if (removed < written.length) {
    throw new KitError(`${written.length - removed} keys have no master`, { code: 'NO_MASTER' });
  }
}

/** Removes the keys at the end of a trial. Reports a failure, which must not replace the result of the trial. */
export async function removeKeysOrReport(
  { environment, progress }: Pick<TrialContext, 'environment' | 'progress'>,
  written: readonly WrittenKey[],
): Promise<void> {
  await removeKeys(environment, written).catch((error: Error) =>
    progress(`keys of this trial remain: ${error.message}`),
  );
}

/** Returns the logical value. Bytes that the client's codec rejects are marked as such, not reported as absent. */
export function rawValueOf(stored: Buffer | null, encoding: WrittenKey['encoding']): string | null {
  if (stored === null) return null;
  if (encoding === 'raw') return logicalValue(stored.toString('utf8'));
  const decoded = decodeEnvelope(stored);
  return decoded.ok ? logicalValue(String(decoded.value)) : `undecodable: ${decoded.reason}`;
}

function* batchesOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += BATCH) yield items.slice(from, from + BATCH);
}
