/**
 * Which node is master, found without a role of one's own: a node that starts asks before it decides.
 *
 *   1. the running sentinels, if a majority of all agrees
 *   2. the running Redis nodes, if exactly one says ROLE master
 *   3. what the sentinels last wrote to disk, the highest configuration epoch wins
 *   4. the plan's bootstrap master
 */
import { readFileSync } from 'node:fs';
import type { AdminConnections } from '../admin.ts';
import { isAlive, type ProcessIdentity, stateOf } from './identity.ts';
import { nodeAt, nodeFiles, type Site } from './site.ts';

export interface Running {
  readonly site: Site;
  readonly admin: AdminConnections;
  /** Recorded processes as of now, read from the ledger. */
  processes(): ReadonlyMap<string, ProcessIdentity>;
}

export interface Mastership {
  readonly nodeId: string;
  readonly learnedFrom: 'sentinels' | 'role' | 'disk' | 'plan';
}

export async function findMaster(running: Running): Promise<Mastership> {
  const { site } = running;
  const named = await namedBySentinels(running);
  if (named !== undefined) return { nodeId: named, learnedFrom: 'sentinels' };
  const acting = await actingMaster(running);
  if (acting !== undefined) return { nodeId: acting, learnedFrom: 'role' };
  const remembered = rememberedMaster(site);
  if (remembered !== undefined) return { nodeId: remembered, learnedFrom: 'disk' };
  const bootstrap = site.topology.redis.find(({ bootstrapMaster }) => bootstrapMaster);
  return { nodeId: bootstrap?.id ?? 'redis-1', learnedFrom: 'plan' };
}

/** The node that more than half of all sentinels name. */
export async function namedBySentinels(running: Running): Promise<string | undefined> {
  const { site } = running;
  const service = site.topology.environment.topology.serviceName;
  const votes = await askRunning(running, 'sentinel', async (id) => {
    const redis = await running.admin.get(id);
    const reply = await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', service);
    const [host, port] = (reply as readonly unknown[] | null) ?? [];
    return nodeAt(site, String(host), Number(port));
  });
  const majority = Math.floor(site.topology.sentinels.length / 2) + 1;
  return [...new Set(votes)].find(
    (id) => id !== undefined && votes.filter((vote) => vote === id).length >= majority,
  );
}

/** The node that says ROLE master, if exactly one does. */
export async function actingMaster(running: Running): Promise<string | undefined> {
  const roles = await askRunning(running, 'redis', async (id) => {
    const redis = await running.admin.get(id);
    const [role] = (await redis.call('ROLE')) as readonly unknown[];
    return String(role) === 'master' ? id : undefined;
  });
  const masters = roles.filter((id) => id !== undefined);
  return masters.length === 1 ? masters[0] : undefined;
}

/** The nodes of a role whose process is there, paused ones included. */
export async function aliveNodes(running: Running, role: 'redis' | 'sentinel'): Promise<readonly string[]> {
  const processes = running.processes();
  const nodes = role === 'redis' ? running.site.topology.redis : running.site.topology.sentinels;
  const alive = await Promise.all(
    nodes.map(async ({ id }) => {
      const identity = processes.get(id);
      return identity !== undefined && (await isAlive(identity)) ? id : undefined;
    }),
  );
  return alive.filter((id) => id !== undefined);
}

/** Asks every running node of a role side by side; who does not answer has no say. */
async function askRunning<T>(
  running: Running,
  role: 'redis' | 'sentinel',
  ask: (nodeId: string) => Promise<T>,
): Promise<readonly (T | undefined)[]> {
  const processes = running.processes();
  const answers = (await aliveNodes(running, role)).map(async (id) => {
    const identity = processes.get(id);
    if (identity === undefined || (await stateOf(identity)) !== 'running') return undefined;
    // A sentinel that reconfigures a node cuts its clients off (CLIENT KILL TYPE normal), this one too: ask once more.
    return ask(id).catch(() => {
      running.admin.drop(id);
      return ask(id).catch(() => undefined);
    });
  });
  return Promise.all(answers);
}

function rememberedMaster(site: Site): string | undefined {
  const service = site.topology.environment.topology.serviceName;
  const memories = site.topology.sentinels.flatMap(({ id }) => {
    try {
      return [parseMonitor(readFileSync(nodeFiles(site, id).conf, 'utf8'), service)];
    } catch {
      return [];
    }
  });
  const latest = memories.filter((memory) => memory !== undefined).sort((a, b) => b.epoch - a.epoch)[0];
  return latest === undefined ? undefined : nodeAt(site, latest.host, latest.port);
}

/** `sentinel monitor` and `config-epoch` of a sentinel.conf as Sentinel writes it. */
export function parseMonitor(
  text: string,
  service: string,
): { readonly host: string; readonly port: number; readonly epoch: number } | undefined {
  const words = text.split('\n').map((line) => line.trim().split(/\s+/));
  const of = (directive: string) =>
    words.find((it) => it[0] === 'sentinel' && it[1] === directive && it[2] === service);
  const monitor = of('monitor');
  if (monitor?.[3] === undefined || monitor[4] === undefined) return undefined;
  return { host: monitor[3], port: Number(monitor[4]), epoch: Number(of('config-epoch')?.[3] ?? 0) };
}
