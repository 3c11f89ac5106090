/**
 * Restarts an environment whose Redis nodes are all down, beginning with the node that has the most recent good data.
 *
 *   read every node's data ─▶ choose (`recovery/choose.ts`) ─▶ start that node alone ─▶ if the sentinels report
 *   another master, wait until they have promoted the chosen node ─▶ start the others, which copy from it
 *
 * Sentinels decide by offsets, which a server loses on a restart. So the other nodes are started only once the chosen
 * one is master. Data that would prevent a server from starting is set aside, never deleted.
 */
import { existsSync, renameSync } from 'node:fs';
import { KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { diskError } from '../../host/disk.ts';
import { tailOf } from '../../host/private-files.ts';
import { endProcess, isAlive } from '../../host/process-identity.ts';
import { waitWhile } from '../../host/wait.ts';
import { failoverBoundMs } from '../../operations/roles.ts';
import { type Choice, chooseSource, describeData, type NodeData } from '../../recovery/choose.ts';
import { dataNames, readNodeData } from '../../recovery/read.ts';
import { type SourceRequest, sourceOf } from '../../recovery/source.ts';
import { fieldsOf } from '../../redis/reply.ts';
import type { RedisNode } from '../../topology.ts';
import type { DataInspection, RecoverOptions } from '../substrate.ts';
import { digestData } from './data-digest.ts';
import { awaitAnswer } from './health.ts';
import { couldNotLoad, diedAtStart } from './launch.ts';
import { type LocalContext, nodeFiles, nodeOf } from './local-context.ts';
import { actingMaster, aliveRedisNodes, type ResolvedMaster, resolveMaster } from './master-resolution.ts';
import type { LocalNodes } from './nodes.ts';

/**
 * Reads the data of all Redis nodes and chooses one. Changes nothing.
 *
 * @param died nodes whose server exited while it was loading its data
 */
export async function inspectData(
  context: LocalContext,
  named: string,
  options: {
    /** Nodes of one replication stream; default: all Redis nodes. */
    readonly ids?: readonly string[];
    readonly died?: ReadonlyMap<string, string>;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<DataInspection> {
  const names = dataNames(context.topology.environment.redis);
  const ids = options.ids ?? context.topology.redis.map(({ id }) => id);
  const read = ids.map(async (id): Promise<NodeData> => {
    const problem = options.died?.get(id);
    if (problem !== undefined)
      return { nodeId: id, state: 'damaged', file: nodeFiles(context, id).data, problem };
    return readNodeData(id, nodeFiles(context, id).data, names);
  });
  const nodes = await Promise.all(read);
  const choice = chooseSource({ named, nodes });
  if (choice.kind !== 'ask') return { named, nodes, choice };
  const compared = nodes
    .filter((node) => node.state === 'usable' && choice.candidates.includes(node.nodeId))
    .map(async (node) => {
      const bytes = node.state === 'usable' ? node.bytes : 0;
      return [node.nodeId, await digestData(context, node.nodeId, names, bytes, options.signal)] as const;
    });
  const contents = new Map(
    (await Promise.all(compared)).flatMap(([id, content]) => (content ? [[id, content]] : [])),
  );
  return { named, nodes, choice: chooseSource({ named, nodes, contents }) };
}

/** Starts all nodes, the chosen Redis node first. Requires that all Redis nodes are down. */
export async function startFromBest(nodes: LocalNodes, options: RecoverOptions): Promise<void> {
  const { context } = nodes;
  const resolved = await resolveMaster(nodes);
  const died = new Map<string, string>();
  for (;;) {
    const inspection = await inspectData(context, resolved.nodeId, { died, signal: options.signal });
    const first = sourceOf(inspection, sourceRequest(context.topology.environment, options.from));
    const replaced = inspection.nodes.filter(({ nodeId, state }) => {
      return nodeId !== first && (state === 'damaged' || (options.from !== undefined && state === 'usable'));
    });
    if (first !== resolved.nodeId || replaced.length > 0) {
      options.progress(`starting from the data of ${first}: ${reasonOf(inspection.choice, options.from)}`);
    }
    try {
      await startAlone(nodes, first, resolved, options);
    } catch (error) {
      if (!(error instanceof KitError) || error.code !== 'NODE_DIED' || died.has(first)) throw error;
      died.set(first, 'its server exited while it loaded the data');
      options.progress(error.message);
      continue;
    }
    for (const { nodeId } of replaced) setAside(context, nodeId, options.progress);
    return startOthers(nodes, first, options);
  }
}

/**
 * Checks that all Redis nodes are down. @throws KitError `RECOVERY_REFUSED` if one is running: its data on disk would
 * change while it is read
 */
export async function requireDown(nodes: LocalNodes): Promise<void> {
  const running = await aliveRedisNodes(nodes);
  if (running.length === 0) return;
  throw new KitError(
    `${running.join(', ')} of '${nodes.name}' ${running.length === 1 ? 'is' : 'are'} running`,
    {
      code: 'RECOVERY_REFUSED',
      hint: `data can be compared only when all Redis nodes are down; to start the missing nodes instead, run kit up ${environmentFlags(nodes.context.topology.environment)}`,
    },
  );
}

/**
 * Stops the remaining nodes of an environment without a master, so that its data can be compared.
 *
 * @throws KitError `RECOVERY_REFUSED`
 */
export async function endForRecovery(nodes: LocalNodes, progress: (line: string) => void): Promise<void> {
  const ids = nodes.context.topology.redis.map(({ id }) => id);
  await endWithoutMaster(nodes, ids, await actingMaster(nodes), progress);
}

/** Stops the nodes, which must have no master. @throws KitError `RECOVERY_REFUSED` if they have one */
export async function endWithoutMaster(
  nodes: LocalNodes,
  ids: readonly string[],
  master: string | undefined,
  progress: (line: string) => void,
): Promise<void> {
  if (master !== undefined) {
    throw new KitError(`${master} is a running master: its replicas copy its data`, {
      code: 'RECOVERY_REFUSED',
      hint: `run kit status ${environmentFlags(nodes.context.topology.environment)} to see the problem; recovery requires an environment without a master`,
    });
  }
  for (const id of ids) {
    const identity = nodes.processes().get(id);
    if (identity === undefined || !(await isAlive(identity))) continue;
    progress(`stopping ${id} to read its data`);
    nodes.admin.drop(id);
    await endProcess(identity, END_GRACE_MS);
  }
}

/** Grace period, in ms, for a clean shutdown, which flushes the append-only file. */
const END_GRACE_MS = 10_000;

export const sourceRequest = (config: EnvironmentConfig, from: string | undefined): SourceRequest => ({
  from,
  environment: config.name,
  command: `kit recover ${environmentFlags(config)}`,
});

function reasonOf(choice: Choice, from: string | undefined): string {
  return from === undefined ? choice.reason : 'as requested';
}

/**
 * Starts the chosen node without other Redis nodes: as master, or promoted by the sentinels if they report another
 * master.
 */
async function startAlone(
  nodes: LocalNodes,
  first: string,
  { nodeId: named, learnedFrom }: ResolvedMaster,
  { progress, signal }: RecoverOptions,
): Promise<void> {
  const node = nodeOf(nodes.context, first);
  // Sentinels without a stored master use the one in their template.
  if (first === named || learnedFrom === 'plan') {
    await nodes.launch(node, first);
    await awaitAnswer(nodes.health(signal), first);
    return awaitSeenUp(nodes, signal);
  }
  await nodes.launch(node, named);
  await awaitAnswer(nodes.health(signal), first);
  await startSentinels(nodes, named, signal);
  progress(`waiting until the sentinels promote ${first}`);
  const what = `the sentinels to promote ${first}`;
  await waitWhile(
    { what, timeoutMs: failoverBoundMs(nodes.context.topology), intervalMs: 50, signal },
    async () => {
      const identity = nodes.processes().get(first);
      if (identity === undefined || !(await isAlive(identity))) throw diedAtStart(nodes.context, first);
      return (await actingMaster(nodes)) === first
        ? undefined
        : `they name ${(await resolveMaster(nodes)).nodeId}`;
    },
  );
}

/**
 * Waits until no sentinel reports the master as down: otherwise, the sentinel may promote a replica as soon as one
 * appears.
 */
async function awaitSeenUp(nodes: LocalNodes, signal?: AbortSignal): Promise<void> {
  const { topology } = nodes.context;
  const what = 'the running sentinels to detect the master';
  await waitWhile({ what, timeoutMs: failoverBoundMs(topology), intervalMs: 50, signal }, async () => {
    for (const { id, state } of await nodes.status()) {
      if (state !== 'running' || nodeOf(nodes.context, id).role !== 'sentinel') continue;
      const sentinel = await nodes.admin.get(id);
      const reply = await sentinel.call('SENTINEL', 'MASTER', topology.environment.topology.serviceName);
      const flags = fieldsOf(reply).get('flags');
      if (flags !== 'master') return `${id} reports its flags as ${flags}`;
    }
    return undefined;
  });
}

async function startOthers(
  nodes: LocalNodes,
  master: string,
  { progress, signal }: RecoverOptions,
): Promise<void> {
  for (const node of nodes.context.topology.redis.filter(({ id }) => id !== master)) {
    await startReplica(nodes, node, master, { progress, signal });
  }
  await startSentinels(nodes, master, signal);
}

async function startSentinels(nodes: LocalNodes, master: string, signal?: AbortSignal): Promise<void> {
  const processes = nodes.processes();
  for (const node of nodes.context.topology.sentinels) {
    const identity = processes.get(node.id);
    if (identity !== undefined && (await isAlive(identity))) continue;
    await nodes.launch(node, master);
    await awaitAnswer(nodes.health(signal), node.id);
  }
}

/**
 * Starts a replica of a master that has the data. The replica's own data is replaced anyway. If its server cannot load
 * this data, the data is set aside and the replica starts empty.
 */
export async function startReplica(
  nodes: LocalNodes,
  node: RedisNode,
  master: string,
  { progress, signal }: Pick<RecoverOptions, 'progress' | 'signal'>,
): Promise<void> {
  const { context } = nodes;
  const { data, log } = nodeFiles(context, node.id);
  const own = await readNodeData(node.id, data, dataNames(context.topology.environment.redis));
  if (own.state === 'damaged') {
    progress(describeData(own));
    setAside(context, node.id, progress);
  }
  const start = async () => {
    await nodes.launch(node, master);
    await awaitAnswer(nodes.health(signal), node.id);
  };
  await start().catch(async (error: unknown) => {
    const isData = error instanceof KitError && error.code === 'NODE_DIED' && couldNotLoad(tailOf(log));
    if (!isData) throw error;
    progress(error.message);
    setAside(context, node.id, progress);
    await start();
  });
}

/** Keeps a node's data under another name; the node starts empty and copies from the master. */
export function setAside(context: LocalContext, nodeId: string, progress: (line: string) => void): void {
  const { data } = nodeFiles(context, nodeId);
  if (!existsSync(data)) return;
  const kept = `${data}.${new Date().toISOString().replaceAll(/[-:]/g, '')}`;
  try {
    renameSync(data, kept);
  } catch (error) {
    throw diskError(error, data);
  }
  progress(`the data of ${nodeId} is kept as ${kept}; the node copies the data of the master`);
}
