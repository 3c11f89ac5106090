/**
 * Starts a topology as healthy processes, and restores the processes from a ledger.
 *
 * Start order: the master, until it answers; the replicas, until each is in sync; then the sentinels, so that their
 * first INFO from the master and its replicas is already correct (the next one follows 10 s later). Cluster nodes start
 * all at once.
 */
import { type EnvironmentSecrets, loadSecrets } from '../../../config/secrets.ts';
import { requireFreeSpace } from '../../host/disk.ts';
import { makePrivateDir } from '../../host/private-files.ts';
import { ownProcess, signalProcess, stateOf } from '../../host/process-identity.ts';
import { readRoles, settleRoles } from '../../operations/roles.ts';
import { clusterView } from '../../redis/cluster.ts';
import { nodesOf, type Topology, WATCHDOG_ID } from '../../topology.ts';
import { type Block, claimBlock, releaseBlock } from './addresses.ts';
import { findRedisBinary, type RedisBinary } from './binary.ts';
import { provideTls } from './certificates.ts';
import { awaitAnswer, awaitCluster, awaitReplica, awaitSentinel, awaitWritable } from './health.ts';
import { type Ledger, placementOf, updateLedger, writeLedger } from './ledger.ts';
import { environmentDir, type LocalContext } from './local-context.ts';
import { resolveMaster, roleSource } from './master-resolution.ts';
import type { LocalNodes } from './nodes.ts';
import { findObservabilityPrograms, type ObservabilityPrograms } from './observability-programs.ts';
import type { LocalSubstrateOptions } from './options.ts';
import { configHashOf } from './plan.ts';
import { endForRecovery, startFromBest } from './recover.ts';
import { endShardForRecovery, startClusterFromBest } from './recover-cluster.ts';
import { startNode } from './start-node.ts';

export interface StartRequest {
  readonly topology: Topology;
  readonly stateDir: string;
  readonly options: LocalSubstrateOptions;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  readonly recoverFrom?: string | undefined;
}

/**
 * Prepares everything before the first process: binary, directories, addresses, credentials, certificates, the ledger.
 */
export async function prepareEnvironment(request: StartRequest): Promise<LocalContext> {
  const { topology, stateDir, options, progress, signal } = request;
  const { name } = topology.environment;
  requireFreeSpace(stateDir);
  const dir = environmentDir(stateDir, name);
  makePrivateDir(dir);
  const binary = await findRedisBinary({
    named: options.redisServer,
    environment: topology.environment,
    install: options.install,
    sink: options.sink,
    stateDir,
    progress,
    signal,
  });
  // A missing program is reported before anything starts.
  if (topology.environment.observability.prometheus) await programsOf(request);
  const block = await claimBlock({
    topology,
    stateDir,
    only: options.addressBlock,
    addressing: options.addressing,
  });
  try {
    writeLedger(stateDir, {
      schema: 1,
      environment: name,
      phase: 'starting',
      owner: await ownProcess(),
      configHash: configHashOf(topology),
      config: topology.environment,
      block: block.number,
      addressing: block.addressing,
      placement: Object.fromEntries(block.placement),
      binary,
      deviations: [],
      processes: {},
      reaper: undefined,
    });
  } catch (error) {
    await releaseBlock(block.number, stateDir, name);
    throw error;
  }
  return contextOf(topology, stateDir, binary, block, loadSecrets(name, stateDir));
}

/** Returns the context of an environment from its ledger. @param secrets passwords; default: the current ones */
export function contextOfLedger(
  topology: Topology,
  stateDir: string,
  ledger: Ledger,
  secrets: EnvironmentSecrets = loadSecrets(ledger.environment, stateDir),
): Promise<LocalContext> {
  const block = { addressing: ledger.addressing, placement: placementOf(ledger) };
  return contextOf(topology, stateDir, ledger.binary, block, secrets);
}

async function contextOf(
  topology: Topology,
  stateDir: string,
  binary: RedisBinary,
  block: Pick<Block, 'addressing' | 'placement'>,
  secrets: EnvironmentSecrets,
): Promise<LocalContext> {
  const { environment } = topology;
  const { name } = environment;
  const dir = environmentDir(stateDir, name);
  const hosts = [...block.placement.values()].map(({ host }) => host);
  return {
    topology,
    stateDir,
    dir,
    placement: block.placement,
    addressing: block.addressing,
    binary,
    secrets,
    tls: environment.security.tls ? await provideTls(environment, dir, hosts) : undefined,
  };
}

/** Starts Prometheus and its parts if the environment has them; parts that already run are kept. */
export async function startObservability(nodes: LocalNodes, request: StartRequest): Promise<void> {
  if (!request.topology.environment.observability.prometheus) return;
  request.progress('starting prometheus');
  await nodes.launchObservability(await programsOf(request), request.signal);
}

const programsOf = ({ stateDir, options, progress, signal }: StartRequest): Promise<ObservabilityPrograms> =>
  findObservabilityPrograms({ stateDir, progress, sink: options.sink, signal });

/** Starts all nodes of a new environment. */
export async function startAll(
  nodes: LocalNodes,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { topology } = nodes.context;
  if (topology.environment.topology.kind === 'cluster') return startCluster(nodes, progress, signal);
  const [first, ...replicas] = topology.redis;
  if (first === undefined) return;
  progress(`starting ${first.id}`);
  await nodes.launch(first, first.id);
  await awaitAnswer(nodes.health(signal), first.id);
  if (replicas.length > 0) progress(`starting ${replicas.map(({ id }) => id).join(', ')}`);
  await Promise.all(replicas.map((node) => nodes.launch(node, first.id)));
  await Promise.all(replicas.map(({ id }) => awaitReplica(nodes.health(signal), id, first.id)));
  if (topology.sentinels.length > 0)
    progress(`starting ${topology.sentinels.map(({ id }) => id).join(', ')}`);
  await Promise.all(topology.sentinels.map((node) => nodes.launch(node, first.id)));
  await nodes.launchWatchdog();
  await awaitHealthy(nodes, first.id, signal);
}

/**
 * Repairs a persistent environment: resumes its paused nodes, starts those that have ended, and waits until all nodes
 * agree on one master.
 *
 * @returns the masters
 */
export async function resumeAll(
  nodes: LocalNodes,
  progress: (line: string) => void,
  signal?: AbortSignal,
  recoverFrom?: string,
): Promise<readonly string[]> {
  const masters = await resumeNodes(nodes, progress, signal, recoverFrom);
  await nodes.launchWatchdog();
  return masters;
}

async function resumeNodes(
  nodes: LocalNodes,
  progress: (line: string) => void,
  signal?: AbortSignal,
  recoverFrom?: string,
): Promise<readonly string[]> {
  const isCluster = nodes.context.topology.environment.topology.kind === 'cluster';
  if (recoverFrom !== undefined) {
    await (isCluster ? endShardForRecovery(nodes, recoverFrom, progress) : endForRecovery(nodes, progress));
  }
  const { gone, paused } = await resumePausedNodes(nodes);
  if (paused.length > 0) progress(`continued ${paused.join(', ')}`);
  if (gone.length > 0) progress(`restarting ${gone.join(', ')}`);
  const cluster = clusterView({
    topology: nodes.context.topology,
    admin: (nodeId) => nodes.admin.get(nodeId),
  });
  if (cluster !== undefined) {
    await startClusterFromBest(nodes, gone, { from: recoverFrom, progress, signal });
    await awaitCluster(nodes.health(signal));
    return (await cluster.shards()).map(({ master }) => master);
  }
  const before = await readRoles(roleSource(nodes));
  // There is nothing to repair here: the caller reports other problems, such as replicas without a link.
  if (gone.length + paused.length === 0 && before.kind === 'stable') return [before.master];
  const { redis } = nodes.context.topology;
  if (redis.length > 1 && redis.every(({ id }) => gone.includes(id))) {
    await startFromBest(nodes, { from: recoverFrom, progress, signal });
  } else if (gone.length > 0) {
    const { nodeId: master } = await resolveMaster(nodes);
    // Starts the master first, if it is one of these nodes: it returns as master only if no other node can be promoted.
    const order = [...gone].sort((a, b) => Number(b === master) - Number(a === master));
    for (const id of order) await startNode(nodes, id, { progress, signal });
  }
  return [await awaitSettled(nodes, progress, signal)];
}

/** Resumes the nodes that a killed run had paused. */
async function resumePausedNodes(
  nodes: LocalNodes,
): Promise<{ gone: readonly string[]; paused: readonly string[] }> {
  const processes = nodes.processes();
  const gone: string[] = [];
  const paused: string[] = [];
  const { topology } = nodes.context;
  const parts = [...nodesOf(topology), ...(topology.watchdog ? [topology.watchdog] : [])];
  for (const { id } of parts) {
    const identity = processes.get(id);
    const state = identity === undefined ? 'gone' : await stateOf(identity);
    if (state === 'gone' && id !== WATCHDOG_ID) gone.push(id);
    if (identity === undefined || state !== 'stopped') continue;
    await signalProcess(identity, 'SIGCONT');
    paused.push(id);
  }
  return { gone, paused };
}

/**
 * Maximum number of consecutive failovers, such as a second one by a sentinel with a stale view of the new master.
 */
const FAILOVERS_IN_A_ROW = 3;
const WATCH_INTERVAL_MS = 500;

/** Waits until all nodes agree on one healthy master. Another failover restarts the wait. @returns the master */
async function awaitSettled(
  nodes: LocalNodes,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const master = await settleRoles(roleSource(nodes), { progress, signal });
    const moved = new AbortController();
    const watching = watchMaster(nodes, master, moved);
    try {
      await awaitHealthy(nodes, master, AbortSignal.any([moved.signal, ...(signal ? [signal] : [])]));
      return master;
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt === FAILOVERS_IN_A_ROW || !moved.signal.aborted) throw error;
    } finally {
      clearInterval(watching);
    }
  }
}

/** Aborts as soon as the nodes no longer agree on the given master. */
function watchMaster(nodes: LocalNodes, master: string, moved: AbortController): NodeJS.Timeout {
  return setInterval(() => {
    readRoles(roleSource(nodes)).then(
      (state) => {
        const isSame = state.kind === 'unconfirmed' || (state.kind === 'stable' && state.master === master);
        if (!isSame) moved.abort(new Error(`${master} is no longer the only master`));
      },
      () => undefined,
    );
  }, WATCH_INTERVAL_MS);
}

/** Starts all nodes at once: each has the other nodes in its nodes.conf, so the order does not matter. */
async function startCluster(
  nodes: LocalNodes,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { redis } = nodes.context.topology;
  progress(`starting ${redis.map(({ id }) => id).join(', ')}`);
  await Promise.all(redis.map((node) => nodes.launch(node, node.id)));
  await Promise.all(redis.map(({ id }) => awaitAnswer(nodes.health(signal), id)));
  progress('waiting until the cluster is healthy');
  await awaitCluster(nodes.health(signal));
}

async function awaitHealthy(nodes: LocalNodes, masterId: string, signal?: AbortSignal): Promise<void> {
  const { topology } = nodes.context;
  const context = nodes.health(signal);
  await Promise.all([
    awaitWritable(context, masterId),
    ...topology.redis
      .filter(({ id }) => id !== masterId)
      .map(({ id }) => awaitReplica(context, id, masterId)),
    ...topology.sentinels.map(({ id }) => awaitSentinel(context, id, masterId)),
  ]);
}

/** Records that the environment is healthy, and whether it keeps running when this process exits. */
export function recordRunning(nodes: LocalNodes, owner: Ledger['owner']): void {
  updateLedger(nodes.context.stateDir, nodes.name, (ledger) => ({
    ...ledger,
    phase: 'running',
    owner,
    deviations: [...new Set([...ledger.deviations, ...nodes.deviations])],
  }));
}
