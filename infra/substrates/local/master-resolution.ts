/**
 * Finds the master without predefined roles: before a node starts, the other nodes are queried.
 *
 *   1. the sentinels, if a majority of them reply; the highest configuration epoch wins (`redis/role-state.ts`)
 *   2. the running Redis nodes, if exactly one reports ROLE master
 *   3. the last files of the sentinels; the highest configuration epoch wins
 *   4. the plan's bootstrap master
 */
import { readFileSync } from 'node:fs';
import { isAlive, type ProcessIdentity } from '../../host/process-identity.ts';
import { type RoleSource, readRoles } from '../../operations/roles.ts';
import type { AdminConnections } from '../../redis/admin.ts';
import { parseMonitor } from '../../redis/conf/sentinel-conf.ts';
import { masterOf, reportedMasterOf } from '../../redis/role-state.ts';
import type { NodeStatus } from '../environment.ts';
import { type LocalContext, nodeAt, nodeFiles } from './local-context.ts';

export interface Running {
  readonly context: LocalContext;
  readonly admin: AdminConnections;
  /** Returns the current processes in the ledger. */
  processes(): ReadonlyMap<string, ProcessIdentity>;
  status(): Promise<readonly NodeStatus[]>;
}

export interface ResolvedMaster {
  readonly nodeId: string;
  readonly learnedFrom: 'sentinels' | 'role' | 'disk' | 'plan';
}

/** Adapts the nodes to `operations/roles.ts`. */
export function roleSource({ context, admin, status }: Running): RoleSource {
  return {
    topology: context.topology,
    admin: (nodeId) => admin.get(nodeId),
    status,
    reconnect: (nodeId) => admin.drop(nodeId),
  };
}

export async function resolveMaster(running: Running): Promise<ResolvedMaster> {
  const { context } = running;
  const state = await readRoles(roleSource(running));
  const named = reportedMasterOf(state);
  if (named !== undefined) return { nodeId: named, learnedFrom: 'sentinels' };
  const acting = masterOf(state);
  if (acting !== undefined) return { nodeId: acting, learnedFrom: 'role' };
  const remembered = rememberedMaster(context);
  if (remembered !== undefined) return { nodeId: remembered, learnedFrom: 'disk' };
  const bootstrap = context.topology.redis.find(({ bootstrapMaster }) => bootstrapMaster);
  return { nodeId: bootstrap?.id ?? 'redis-1', learnedFrom: 'plan' };
}

/** Returns the node that the sentinels report as master, if a majority of them reply. */
export async function namedBySentinels(running: Running): Promise<string | undefined> {
  return reportedMasterOf(await readRoles(roleSource(running)));
}

/**
 * Returns the node that accepts writes; undefined if there is none, or if several nodes claim to accept writes and no
 * majority confirms one of them.
 */
export async function actingMaster(running: Running): Promise<string | undefined> {
  return masterOf(await readRoles(roleSource(running)));
}

/** Returns the Redis nodes whose process exists, including paused ones. */
export async function aliveRedisNodes(running: Running): Promise<readonly string[]> {
  const processes = running.processes();
  const alive = await Promise.all(
    running.context.topology.redis.map(async ({ id }) => {
      const identity = processes.get(id);
      return identity !== undefined && (await isAlive(identity)) ? id : undefined;
    }),
  );
  return alive.filter((id) => id !== undefined);
}

function rememberedMaster(context: LocalContext): string | undefined {
  const service = context.topology.environment.topology.serviceName;
  const memories = context.topology.sentinels.flatMap(({ id }) => {
    try {
      return [parseMonitor(readFileSync(nodeFiles(context, id).conf, 'utf8'), service)];
    } catch {
      return [];
    }
  });
  const latest = memories.filter((memory) => memory !== undefined).sort((a, b) => b.epoch - a.epoch)[0];
  return latest === undefined ? undefined : nodeAt(context, latest.host, latest.port);
}
