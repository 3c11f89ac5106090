/**
 * Chooses the nodes that a backup reads: for each master, one healthy replica that has every write acknowledged before
 * the backup began. A snapshot forks the node, so the master is read only if the environment has no replicas, or on
 * request.
 */

import { EXIT, KitError } from '../../config/errors.ts';
import { type WaitOptions, waitWhile } from '../host/wait.ts';
import { infoOf } from '../redis/reply.ts';
import type { Environment } from '../substrates/environment.ts';
import type { SlotRange } from '../topology.ts';

export interface BackupSource {
  readonly nodeId: string;
  readonly role: 'master' | 'replica';
  readonly master: string;
  /** Offset of the master when the backup began: the snapshot contains every write up to this offset. */
  readonly offset: number;
  /** Slots of the shard, in a cluster. */
  readonly slots?: readonly SlotRange[];
}

const CATCH_UP_TIMEOUT_MS = 10_000;

/** Chooses the nodes. @throws KitError `BACKUP_REFUSED` */
export async function chooseSources(
  environment: Environment,
  options: { readonly fromMaster: boolean; readonly signal?: AbortSignal | undefined },
): Promise<readonly BackupSource[]> {
  const groups = await groupsOf(environment, options.signal);
  return Promise.all(
    groups.map(async ({ master, replicas, slots }): Promise<BackupSource> => {
      const point = await pointOf(environment, master);
      const common = { master, offset: point.offset, ...(slots && { slots }) };
      if (environment.topology.environment.topology.replicas === 0 || options.fromMaster)
        return { nodeId: master, role: 'master', ...common };
      const nodeId = await healthyReplica(environment, { master, replicas, point }, options.signal);
      return { nodeId, role: 'replica', ...common };
    }),
  );
}

interface Group {
  readonly master: string;
  readonly replicas: readonly string[];
  readonly slots?: readonly SlotRange[];
}

/**
 * Returns each master with its running replicas. @throws KitError `BACKUP_REFUSED` unless each group has exactly one
 * master
 */
export async function groupsOf(
  environment: Environment,
  signal: AbortSignal | undefined,
): Promise<readonly Group[]> {
  const wait = { timeoutMs: CATCH_UP_TIMEOUT_MS, intervalMs: 50, signal };
  const { cluster, topology } = environment;
  if (cluster !== undefined) {
    let shards: readonly Group[] = [];
    await awaitNone(environment, { what: 'the cluster to be healthy', ...wait }, async () => {
      const problem = await cluster.healthProblem();
      if (problem !== undefined) return problem;
      shards = await cluster.shards();
      const masters = topology.redis.filter(({ bootstrapMaster }) => bootstrapMaster).length;
      return shards.length === masters ? undefined : `${shards.length} of ${masters} masters replied`;
    });
    return shards;
  }
  let master = '';
  await awaitNone(environment, { what: 'exactly one master', ...wait }, async () => {
    master = (await environment.masterId()) ?? '';
    return master === '' ? 'no node is the only master' : undefined;
  });
  const status = await environment.status();
  const replicas = environment.topology.redis
    .map(({ id }) => id)
    .filter((id) => id !== master && status.some((node) => node.id === id && node.state === 'running'));
  return [{ master, replicas }];
}

/** Waits for the end of a short problem, such as a failover. @throws KitError `BACKUP_REFUSED` */
async function awaitNone(
  environment: Environment,
  wait: WaitOptions,
  problem: () => Promise<string | undefined>,
): Promise<void> {
  await waitWhile(wait, problem).catch((error: Error) => {
    wait.signal?.throwIfAborted();
    throw refused(error.message, environment.name, error);
  });
}

/** Position of a node in the replication stream. */
interface Point {
  readonly history: string | undefined;
  readonly offset: number;
}

async function pointOf(environment: Environment, master: string): Promise<Point> {
  const info = await replicationOf(environment, master);
  return { history: info.get('master_replid'), offset: Number(info.get('master_repl_offset')) };
}

async function healthyReplica(
  environment: Environment,
  { master, replicas, point }: Pick<Group, 'master' | 'replicas'> & { readonly point: Point },
  signal: AbortSignal | undefined,
): Promise<string> {
  let chosen: string | undefined;
  const problem = async () => {
    const problems: string[] = [];
    for (const id of replicas) {
      const complaint = await replicaProblem(environment, id, point).catch((error: Error) => error.message);
      chosen = id;
      if (complaint === undefined) return undefined;
      problems.push(`${id} ${complaint}`);
    }
    return problems.length === 0 ? 'none is running' : problems.join('; ');
  };
  const what = `a replica of ${master} that has all its writes`;
  await waitWhile({ what, timeoutMs: CATCH_UP_TIMEOUT_MS, intervalMs: 50, signal }, problem).catch(
    (error: unknown) => {
      signal?.throwIfAborted();
      throw refused((error as Error).message, environment.name, error);
    },
  );
  return chosen as string;
}

async function replicaProblem(
  environment: Environment,
  id: string,
  target: Point,
): Promise<string | undefined> {
  const info = await replicationOf(environment, id);
  if (info.get('role') !== 'slave') return 'is not a replica';
  if (info.get('master_link_status') !== 'up') return 'has no link to its master';
  if (info.get('master_replid') !== target.history)
    return 'has a different replication history from its master';
  const offset = Number(info.get('slave_repl_offset'));
  return offset >= target.offset ? undefined : `is at ${offset} of ${target.offset}`;
}

async function replicationOf(environment: Environment, id: string): Promise<ReadonlyMap<string, string>> {
  return infoOf(await environment.admin(id), 'replication');
}

function refused(why: string, name: string, cause?: unknown): KitError {
  return new KitError(`backup refused: ${why}`, {
    code: 'BACKUP_REFUSED',
    exitCode: EXIT.UNKNOWN,
    where: name,
    hint: 'run kit status to see the problem, or pass --from-master to read the master instead of a replica',
    cause,
  });
}
