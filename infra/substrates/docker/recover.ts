/**
 * Recovery of an environment on Docker whose Redis nodes are all down: finds the node with the most recent good data
 * and makes it the master at the next start.
 *
 *   copy the data volumes ─▶ read and choose (`recovery/`) ─▶ if another node was the last known master: write the
 *   chosen one into the volumes, where the entry points look for the master (`image/node.sh`)
 *
 * Left out: clusters, whose nodes use their nodes.conf, and the start itself.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KitError } from '../../../config/errors.ts';
import { readRoles } from '../../operations/roles.ts';
import { type Choice, type Content, chooseSource, type NodeData } from '../../recovery/choose.ts';
import { dataNames, readNodeData } from '../../recovery/read.ts';
import { sourceOf } from '../../recovery/source.ts';
import { parseMonitor } from '../../redis/conf/sentinel-conf.ts';
import { masterOf } from '../../redis/role-state.ts';
import type { DataInspection, RecoverOptions } from '../substrate.ts';
import { ownerOf } from './checkout-id.ts';
import { digestVolume } from './data-digest.ts';
import { docker, inspectContainers } from './engine.ts';
import type { DockerEnvironment } from './environment.ts';
import { kitCommand } from './hint-commands.ts';
import { chooseImages, imageName } from './images.ts';
import type { Ownership } from './ownership.ts';
import { bootstrapOf, type DockerPlan, hasHosts, type PlannedNode } from './plan.ts';
import { environmentDir } from './state-files.ts';
import { copyVolume, createVolume, runOnVolume, type VolumeTools } from './volumes.ts';

export interface RecoveryContext {
  readonly plan: DockerPlan;
  readonly stateDir: string;
  readonly tools: VolumeTools;
  /** Names of the existing data volumes. */
  readonly volumes: ReadonlySet<string>;
}

export async function recoveryContext(
  plan: DockerPlan,
  stateDir: string,
  { own }: Pick<Ownership, 'own'>,
): Promise<RecoveryContext> {
  const found = await inspectContainers(plan.nodes);
  // Uses the image of the deployed nodes: the engine does not necessarily have the image of another version yet.
  const [node] = [...found.values()];
  const image = node?.Config.Image ?? imageName(chooseImages(stateDir, plan.environment).redis);
  const tools = { image, environment: plan.environment.name, owner: ownerOf(plan.environment, stateDir) };
  const volumes = own.filter(({ kind }) => kind === 'volume').map(({ name }) => name);
  return { plan, stateDir, tools, volumes: new Set(volumes) };
}

/** Returns the tools for the volumes of a node, which are on the engine of the node's host. */
const toolsFor = ({ tools }: RecoveryContext, { engine }: PlannedNode): VolumeTools => ({ ...tools, engine });

const ofRole = ({ nodes }: DockerPlan, role: 'redis' | 'sentinel') =>
  nodes.filter(({ node }) => node.role === role);

/**
 * Maximum wait, in ms, for a reply from a node whose container is running. The node may still be waiting for other
 * nodes or loading data.
 */
const ANSWER_BOUND_MS = 10_000;

/**
 * Prepares a start of the environment. If no Redis node is up and there is data, the node with the most recent good
 * data becomes the master at that start.
 *
 * @throws KitError `RECOVERY_UNDECIDED`, `DATA_DAMAGED`, `RECOVERY_REFUSED`
 */
export async function recoverIfDown(
  context: RecoveryContext,
  open: () => Promise<DockerEnvironment>,
  options: RecoverOptions,
): Promise<void> {
  const { plan } = context;
  const hasData = ofRole(plan, 'redis').some(({ dataVolume }) => context.volumes.has(dataVolume));
  if (plan.environment.topology.kind === 'cluster' || !hasData) {
    if (options.from !== undefined) throw notDeployedHere(plan, hasData);
    return;
  }
  const environment = await open();
  try {
    if (await isServed(environment, plan, options.signal)) {
      if (options.from === undefined) return;
      await requireNoMaster(environment);
    }
  } finally {
    await environment[Symbol.asyncDispose]();
  }
  await recoverVolumes(context, options);
}

/**
 * Compares the data of an environment that is down, for `kit recover`.
 * @throws KitError `RECOVERY_REFUSED` if a Redis node is up, and for a cluster
 */
export async function inspectDown(
  context: RecoveryContext,
  open: () => Promise<DockerEnvironment>,
): Promise<DataInspection | undefined> {
  const { plan } = context;
  if (!ofRole(plan, 'redis').some(({ dataVolume }) => context.volumes.has(dataVolume))) return undefined;
  if (plan.environment.topology.kind === 'cluster') throw notDeployedHere(plan, true);
  const environment = await open();
  const isUp = await isServed(environment, plan);
  await environment[Symbol.asyncDispose]();
  if (!isUp) return await inspectVolumes(context);
  throw new KitError(`a Redis node of '${plan.environment.name}' is running`, {
    code: 'RECOVERY_REFUSED',
    hint: `data can be compared only when all Redis nodes are down; to start the missing nodes instead, run ${kitCommand('up', plan.environment)}`,
  });
}

const notDeployedHere = ({ environment }: DockerPlan, hasData: boolean): KitError =>
  new KitError(
    hasData
      ? `nodes of cluster '${environment.name}' on Docker start from their nodes.conf: their data is not compared`
      : `environment '${environment.name}' has no data volumes`,
    { code: 'RECOVERY_REFUSED', hint: 'see docs/runbook.md, "Damaged or lost data"' },
  );

/**
 * Returns whether a Redis node is answering, is loading its data, or is paused. Waits for a reply from a node whose
 * container is running.
 */
async function isServed(
  environment: DockerEnvironment,
  plan: DockerPlan,
  signal?: AbortSignal,
): Promise<boolean> {
  const redis = ofRole(plan, 'redis');
  const deadline = performance.now() + ANSWER_BOUND_MS;
  for (;;) {
    signal?.throwIfAborted();
    const found = await inspectContainers(redis);
    const states = [...found.values()].map(({ State }) => State.Status);
    if (states.includes('paused')) return true;
    const running = redis.filter(({ container }) => found.get(container)?.State.Status === 'running');
    if (running.length === 0) return false;
    const answers = await Promise.all(running.map(({ id }) => answersOrLoads(environment, id)));
    if (answers.includes(true)) return true;
    if (performance.now() > deadline) return false;
    await delay(200);
  }
}

async function answersOrLoads(environment: DockerEnvironment, id: string): Promise<boolean> {
  return await environment.admin(id).then(
    () => true,
    (error: Error) => /LOADING/.test(error.message),
  );
}

/** Reads the data of all Redis nodes, which are all down, and chooses one node. Changes nothing. */
async function inspectVolumes(context: RecoveryContext): Promise<DataInspection> {
  const { plan, stateDir } = context;
  const home = environmentDir(stateDir, plan.environment.name);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(home, 'recovery-'));
  try {
    const named = (await rememberedMaster(context, dir))?.id ?? bootstrapOf(plan).id;
    const names = dataNames(plan.environment.redis);
    const nodes: NodeData[] = [];
    for (const node of ofRole(plan, 'redis')) {
      nodes.push(await readNodeData(node.id, await copyOf(context, node, dir), names));
    }
    const choice = chooseSource({ named, nodes });
    if (choice.kind !== 'ask') return { named, nodes, choice };
    const contents = await compareContents(context, choice);
    return { named, nodes, choice: chooseSource({ named, nodes, contents }) };
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Copies a volume to a subdirectory of `dir`; a missing volume is not copied. */
async function copyOf(context: RecoveryContext, node: PlannedNode, dir: string): Promise<string> {
  const into = join(dir, node.id);
  if (!context.volumes.has(node.dataVolume)) return into;
  mkdirSync(into, { mode: 0o700 });
  await copyVolume(node.dataVolume, into, toolsFor(context, node));
  return into;
}

/**
 * Returns the node that the sentinels last recorded as master on their volumes; the highest configuration epoch wins.
 */
async function rememberedMaster(context: RecoveryContext, dir: string): Promise<PlannedNode | undefined> {
  const { plan } = context;
  const memories: { readonly host: string; readonly port: number; readonly epoch: number }[] = [];
  for (const node of ofRole(plan, 'sentinel')) {
    const file = join(await copyOf(context, node, dir), 'sentinel.conf');
    const memory = existsSync(file)
      ? parseMonitor(readFileSync(file, 'utf8'), plan.environment.topology.serviceName)
      : undefined;
    if (memory !== undefined) memories.push(memory);
  }
  const latest = memories.sort((a, b) => b.epoch - a.epoch)[0];
  return (
    latest &&
    ofRole(plan, 'redis').find(({ address }) =>
      hasHosts(plan)
        ? address.host === latest.host && address.port === latest.port
        : octetOf(address.host) === octetOf(latest.host),
    )
  );
}

/**
 * Returns the last octet, which identifies the node. The others belong to the network, whose subnet may have changed.
 */
const octetOf = (host: string): string => host.split('.')[3] ?? '';

async function compareContents(
  context: RecoveryContext,
  { candidates }: Extract<Choice, { kind: 'ask' }>,
): Promise<ReadonlyMap<string, Content>> {
  const { plan } = context;
  const names = dataNames(plan.environment.redis);
  const contents = new Map<string, Content>();
  for (const node of ofRole(plan, 'redis').filter(({ id }) => candidates.includes(id))) {
    const content = await digestVolume(node.dataVolume, names, toolsFor(context, node));
    if (content !== undefined) contents.set(node.id, content);
  }
  return contents;
}

/**
 * Stops all nodes, chooses one, and writes the choice into the volumes. The caller starts the environment.
 *
 * @throws KitError `RECOVERY_UNDECIDED`, `DATA_DAMAGED`, `RECOVERY_REFUSED`: in these cases no node is running, and no
 * data was changed
 */
async function recoverVolumes(
  context: RecoveryContext,
  { from, progress, signal }: RecoverOptions,
): Promise<void> {
  const { plan } = context;
  await stopNodes(plan);
  signal?.throwIfAborted();
  const inspection = await inspectVolumes(context);
  const { named, nodes, choice } = inspection;
  const { environment } = plan;
  const first = sourceOf(inspection, {
    from,
    environment: environment.name,
    command: kitCommand('recover', environment),
  });
  const replaced = nodes.filter(
    ({ nodeId, state }) =>
      nodeId !== first && (state === 'damaged' || (from !== undefined && state === 'usable')),
  );
  if (first !== named || replaced.length > 0) {
    const reason = from === undefined ? choice.reason : 'as requested';
    progress(`starting from the data of ${first}: ${reason}`);
  }
  for (const { nodeId } of replaced) await setAside(context, nodeId, progress);
  const isLost = ofRole(plan, 'redis').some(({ dataVolume }) => !context.volumes.has(dataVolume));
  if (first !== named || isLost) await recordMaster(context, first);
}

/** Checks that no master is running. @throws KitError `RECOVERY_REFUSED` if one is */
async function requireNoMaster(environment: DockerEnvironment): Promise<void> {
  const master = masterOf(await readRoles(environment));
  if (master === undefined) return;
  throw new KitError(`${master} is a running master: its replicas copy its data`, {
    code: 'RECOVERY_REFUSED',
    hint: `${kitCommand('status', environment.topology.environment)} shows the problem; recovery requires an environment without a master`,
  });
}

const STOP_SECONDS = 20;

/**
 * Stops all nodes with a clean shutdown, which flushes the append-only file. Sentinels stop first, so that none starts
 * a failover. Stops one container at a time, because Docker 20.10 can deadlock if several containers leave a network at
 * once (its libnetwork takes two locks in either order).
 */
async function stopNodes({ nodes }: DockerPlan): Promise<void> {
  const found = await inspectContainers(nodes);
  for (const { container, engine } of nodes.toReversed()) {
    const facts = found.get(container);
    if (facts === undefined || ['exited', 'created', 'dead'].includes(facts.State.Status)) continue;
    const timeoutMs = (STOP_SECONDS + 30) * 1_000;
    await docker(['stop', '--time', String(STOP_SECONDS), facts.Id], { engine, timeoutMs });
  }
}

const SET_ASIDE = `set -eu
umask 077
mkdir "/data/$1"
shift_to=$1
shift
for name in "$@"; do [ ! -e "/data/$name" ] || mv "/data/$name" "/data/$shift_to/"; done`;

/** Keeps a node's data under another name on its volume; the node starts empty and copies from the master. */
async function setAside(
  context: RecoveryContext,
  nodeId: string,
  progress: (line: string) => void,
): Promise<void> {
  const { plan } = context;
  const node = nodeOf(plan, nodeId);
  const { appenddirname, appendfilename, dbfilename } = dataNames(plan.environment.redis);
  const kept = `set-aside.${new Date().toISOString().replaceAll(/[-:]/g, '')}`;
  const names = [kept, appenddirname, appendfilename, dbfilename];
  await runOnVolume(node.dataVolume, SET_ASIDE, names, toolsFor(context, node));
  progress(
    `the data of ${nodeId} is kept as ${kept} on volume ${node.dataVolume}; the node copies the data of the master`,
  );
}

/** Script that writes the role into the redis.conf that Redis itself has stored. */
const FOLLOW = `set -eu
umask 077
conf=/data/redis.conf
{ [ ! -f $conf ] || grep -v '^replicaof ' $conf || true; [ -z "$1" ] || echo "replicaof $1 $2"; } >$conf.next
mv $conf.next $conf`;

/**
 * Script that writes the master into the sentinel.conf that Sentinel has stored, with a higher epoch than all others.
 * Sentinels without a stored master adopt it from these sentinels.
 */
const MONITOR = `set -eu
umask 077
conf=/data/sentinel.conf
[ -f $conf ] || exit 0
awk -v name="$1" -v host="$2" -v port="$3" -v epoch="$4" '
  $1 != "sentinel" { print; next }
  $2 == "monitor" && $3 == name { $4 = host; $5 = port }
  $2 == "known-replica" && $3 == name && $4 == host && $5 == port { next }
  ($2 == "config-epoch" || $2 == "leader-epoch") && $3 == name { $4 = epoch }
  $2 == "current-epoch" { $3 = epoch }
  { print }' $conf >$conf.next
mv $conf.next $conf`;

const EPOCHS = `[ ! -f /data/sentinel.conf ] || awk '$1 == "sentinel" && $2 ~ /-epoch$/ { print $NF }' /data/sentinel.conf`;

/**
 * Makes the node the master at the next start. Writes to the Redis nodes first, because they choose the master
 * themselves if the sentinels start late.
 */
async function recordMaster(context: RecoveryContext, first: string): Promise<void> {
  const { plan, volumes } = context;
  const { host, port } = nodeOf(plan, first).address;
  for (const node of ofRole(plan, 'redis')) {
    const { id, dataVolume } = node;
    const tools = toolsFor(context, node);
    if (!volumes.has(dataVolume)) await createVolume(dataVolume, tools);
    await runOnVolume(dataVolume, FOLLOW, id === first ? ['', ''] : [host, String(port)], tools);
  }
  const sentinels = ofRole(plan, 'sentinel').filter(({ dataVolume }) => volumes.has(dataVolume));
  const epochs: number[] = [];
  for (const node of sentinels) {
    const text = await runOnVolume(node.dataVolume, EPOCHS, [], toolsFor(context, node));
    epochs.push(...text.split('\n').map(Number));
  }
  const epoch = String(Math.max(0, ...epochs) + 1);
  const { serviceName } = plan.environment.topology;
  for (const node of sentinels) {
    const args = [serviceName, host, String(port), epoch];
    await runOnVolume(node.dataVolume, MONITOR, args, toolsFor(context, node));
  }
}

function nodeOf(plan: DockerPlan, id: string): PlannedNode {
  const found = plan.nodes.find((node) => node.id === id);
  if (found === undefined) throw new RangeError(`no node ${id} in ${plan.environment.name}`);
  return found;
}
