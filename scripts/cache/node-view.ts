/**
 * View of all nodes for `kit top`: roles, replication lag, operations, hit ratio.
 *
 * For an environment that the kit runs, each running node is queried, and its health comes from the sentinels or the
 * cluster. For an external Redis, its masters are queried and report their replicas. Rates cover the time since the
 * previous view.
 */
import { readRoles } from '../../infra/operations/roles.ts';
import { type Info, infoNumber, replicasOf } from '../../infra/redis/info.ts';
import { describeRoles } from '../../infra/redis/role-state.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { CacheData } from './cache-data.ts';
import { ratioOf } from './figures.ts';
import { factsOf, readInfo } from './server-facts.ts';

export interface NodeView {
  readonly id: string;
  readonly address: string;
  readonly role: 'master' | 'replica' | 'unknown';
  /** `running`, `paused`, `stopped`, or the reason why the node does not reply. */
  readonly state: string;
  /**
   * Lag of a replica behind its master, in bytes and in seconds; null for a master and for a replica without a link.
   */
  readonly lagBytes: number | null;
  readonly lagSeconds: number | null;
  readonly opsPerSecond: number | null;
  /** Hits per read since the previous view; in the first view, since the start of the server. */
  readonly hitRatio: number | null;
  readonly usedBytes: number | null;
  readonly maxBytes: number | null;
  readonly clients: number | null;
  readonly keys: number | null;
  readonly hits: number | null;
  readonly misses: number | null;
}

export interface TopView {
  readonly name: string;
  readonly substrate: CacheData['substrate'];
  readonly at: string;
  readonly nodes: readonly NodeView[];
  /** State of the environment in one sentence; null if it was not queried. */
  readonly state: string | null;
}

/** A node that was queried; `info` is absent if it did not reply. */
interface AskedNode {
  readonly id: string;
  readonly address: string;
  /** Address that other nodes use for this node, which may differ from the address used here. */
  readonly announced: string;
  readonly state: string;
  readonly info?: Info;
}

export async function readTop(data: CacheData, before: TopView | undefined): Promise<TopView> {
  const { environment } = data;
  const asked = environment === undefined ? await askMasters(data) : await askNodes(environment);
  const lags = lagsOf(asked);
  const known = new Set(asked.flatMap(({ address, announced }) => [address, announced]));
  const unasked = [...lags].filter(([address]) => !known.has(address));
  return {
    name: data.name,
    substrate: data.substrate,
    at: new Date().toISOString(),
    nodes: [
      ...asked.map((node) => viewOf(node, lags, data.db, before)),
      ...unasked.map(([address, lag]) => reportedReplica(address, lag)),
    ],
    state: environment === undefined ? null : await describeState(environment),
  };
}

async function askMasters(data: CacheData): Promise<readonly AskedNode[]> {
  return Promise.all(
    (await data.masters()).map(async ({ id, address: { host, port }, redis }) => {
      const address = `${host}:${port}`;
      return { id, address, announced: address, state: 'running', info: await readInfo(redis) };
    }),
  );
}

async function askNodes(environment: Environment): Promise<readonly AskedNode[]> {
  const redis = new Set(environment.topology.redis.map(({ id }) => id));
  const status = await environment.status();
  return Promise.all(
    status
      .filter(({ id }) => redis.has(id))
      .map(async ({ id, address, announced = address, state }): Promise<AskedNode> => {
        const node = {
          id,
          address: `${address.host}:${address.port}`,
          announced: `${announced.host}:${announced.port}`,
        };
        if (state !== 'running') return { ...node, state };
        try {
          return { ...node, state, info: await readInfo(await environment.admin(id)) };
        } catch (error) {
          return { ...node, state: `no reply: ${(error as Error).message}` };
        }
      }),
  );
}

interface Lag {
  readonly bytes: number;
  readonly seconds: number;
  readonly state: string;
}

/** Returns the lag of each replica, by the address that its master reports. */
function lagsOf(nodes: readonly AskedNode[]): ReadonlyMap<string, Lag> {
  return new Map(
    nodes.flatMap(({ info }) => {
      const offset = info && infoNumber(info, 'master_repl_offset');
      if (info === undefined || info.role !== 'master' || typeof offset !== 'number') return [];
      return replicasOf(info).map(
        (replica) =>
          [
            `${replica.ip}:${replica.port}`,
            {
              bytes: Math.max(0, offset - Number(replica.offset)),
              seconds: Number(replica.lag),
              state: replica.state ?? 'unknown',
            },
          ] as const,
      );
    }),
  );
}

function viewOf(
  { id, address, announced, state, info }: AskedNode,
  lags: ReadonlyMap<string, Lag>,
  db: number,
  before: TopView | undefined,
): NodeView {
  if (info === undefined) return { ...UNKNOWN, id, address, role: 'unknown', state };
  const facts = factsOf(info, db);
  const former = before?.nodes.find((node) => node.id === id);
  const isMaster = info.role === 'master';
  const lag = isMaster ? undefined : (lags.get(announced) ?? lags.get(address));
  const link = isMaster || info.master_link_status === 'up' ? state : 'no link to its master';
  const { opsPerSecond, usedBytes, maxBytes, clients, keys, hits, misses } = facts;
  return {
    id,
    address,
    role: isMaster ? 'master' : 'replica',
    state: link,
    lagBytes: lag?.bytes ?? null,
    lagSeconds: lag?.seconds ?? null,
    opsPerSecond,
    hitRatio: recentRatio(hits, misses, former) ?? facts.hitRatio,
    usedBytes,
    maxBytes,
    clients,
    keys,
    hits,
    misses,
  };
}

/**
 * Returns the hit ratio since the previous view; null if there is no previous view, if there were no reads, or after
 * the server was restarted.
 */
function recentRatio(
  hits: number | null,
  misses: number | null,
  former: NodeView | undefined,
): number | null {
  if (hits === null || misses === null || former?.hits == null || former.misses === null) return null;
  const [newHits, newMisses] = [hits - former.hits, misses - former.misses];
  return newHits < 0 || newMisses < 0 ? null : ratioOf(newHits, newHits + newMisses);
}

const UNKNOWN = {
  lagBytes: null,
  lagSeconds: null,
  opsPerSecond: null,
  hitRatio: null,
  usedBytes: null,
  maxBytes: null,
  clients: null,
  keys: null,
  hits: null,
  misses: null,
} as const;

function reportedReplica(address: string, { bytes, seconds, state }: Lag): NodeView {
  return { ...UNKNOWN, id: '-', address, role: 'replica', state, lagBytes: bytes, lagSeconds: seconds };
}

async function describeState(environment: Environment): Promise<string> {
  if (environment.cluster !== undefined) return (await environment.cluster.healthProblem()) ?? 'healthy';
  return describeRoles(await readRoles(environment));
}
