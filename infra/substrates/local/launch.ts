/**
 * Starts one node: renders its files, spawns it, records it. Does not wait for health (`health.ts`).
 *
 * The order matters if the kit crashes: the ledger and the directories exist before the spawn, and the pid and start
 * time of the process are on disk before anything else happens.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { diskFull, freeBytes } from '../../host/disk.ts';
import { makePrivateDir, readOrCreate, tailOf, writePrivate } from '../../host/private-files.ts';
import { type Daemon, type DaemonRequest, startDaemon } from '../../host/process.ts';
import { identify, type ProcessIdentity } from '../../host/process-identity.ts';
import { NODES_FILE, redisNodeId, renderClusterNodes } from '../../redis/cluster-nodes.ts';
import { renderKnownSentinels } from '../../redis/conf/sentinel-conf.ts';
import type { Address, RedisNode, SentinelNode } from '../../topology.ts';
import { recordFingerprint } from './fingerprint.ts';
import { updateLedger } from './ledger.ts';
import { type LocalContext, nodeFiles } from './local-context.ts';
import { renderRedis, renderSentinel, renderUsers } from './rendering.ts';

export interface Launched {
  readonly identity: ProcessIdentity;
  readonly daemon: Daemon;
  readonly deviations: readonly string[];
}

const ROOM_FOR_A_LOG_BYTES = 1024 ** 2;

/**
 * Starts a Redis as a replica of the given address, or as a master if none is given. Keeps its data; renders its
 * configuration again.
 */
export async function launchRedis(
  context: LocalContext,
  node: RedisNode,
  replicaOf: Address | undefined,
): Promise<Launched> {
  const files = nodeFiles(context, node.id);
  makePrivateDir(files.data);
  const rendered = renderRedis(context, node, replicaOf);
  writePrivate(files.conf, rendered.text);
  // The file is kept on a restart, because ACL SAVE may have written a rotated password to it.
  const isFirstStart = !existsSync(files.acl);
  if (isFirstStart) writePrivate(files.acl, renderUsers(context, node));
  if (node.shard !== undefined) writeNodesFile(context, node);
  recordFingerprint(context, node, isFirstStart ? undefined : ['settings', 'server', 'certificate']);
  return launch(context, node.id, serverProgram(context, [files.conf]), rendered.deviations);
}

/**
 * Gives a cluster node its initial nodes.conf, only at its first start. After that, the node maintains the file itself.
 */
function writeNodesFile(context: LocalContext, node: RedisNode): void {
  const path = join(nodeFiles(context, node.id).data, NODES_FILE);
  if (existsSync(path)) return;
  const { topology, placement } = context;
  const clusterId = readOrCreate(join(context.dir, 'cluster-id'), randomId);
  writePrivate(path, renderClusterNodes({ topology, placement, clusterId, node }));
}

const randomId = (): string => randomBytes(20).toString('hex');

/**
 * Starts a sentinel. Keeps a configuration that Sentinel has rewritten, because it holds the epochs and the current
 * master.
 */
export async function launchSentinel(
  context: LocalContext,
  node: SentinelNode,
  master: Address,
): Promise<Launched> {
  const files = nodeFiles(context, node.id);
  makePrivateDir(files.data);
  let deviations: readonly string[] = [];
  if (!existsSync(files.conf)) {
    const { topology, placement } = context;
    const rendered = renderSentinel(context, node, master);
    deviations = rendered.deviations;
    writePrivate(files.acl, renderUsers(context, node));
    const idOf = (nodeId: string) =>
      redisNodeId(readOrCreate(join(context.dir, 'sentinels-id'), randomId), nodeId);
    const knownSentinels = renderKnownSentinels({ topology, node, placement, master, idOf });
    writePrivate(files.conf, `${rendered.text}\n${knownSentinels}`);
    recordFingerprint(context, node);
  } else {
    recordFingerprint(context, node, ['server', 'certificate']);
  }
  return launch(context, node.id, serverProgram(context, [files.conf, '--sentinel']), deviations);
}

export type Program = Pick<DaemonRequest, 'command' | 'args'>;

const serverProgram = ({ binary }: LocalContext, args: readonly string[]): Program => ({
  command: binary.path,
  args,
});

/** Spawns a program in the folder of its id, and records it. */
export async function launch(
  context: LocalContext,
  nodeId: string,
  program: Program,
  deviations: readonly string[] = [],
): Promise<Launched> {
  const files = nodeFiles(context, nodeId);
  const daemon = startDaemon({ ...program, cwd: files.data, logPath: files.log });
  const identity = await identify(daemon.pid);
  if (identity === undefined) throw diedAtStart(context, nodeId);
  updateLedger(context.stateDir, context.topology.environment.name, (ledger) => ({
    ...ledger,
    processes: { ...ledger.processes, [nodeId]: identity },
  }));
  return { identity, daemon, deviations };
}

/**
 * Returns the error for a node that exited before it replied. Its log contains the reason, unless the disk was full.
 */
export function diedAtStart(context: LocalContext, nodeId: string): KitError {
  const address = context.placement.get(nodeId);
  if (freeBytes(context.dir) < ROOM_FOR_A_LOG_BYTES) return diskFull(context.dir);
  const log = tailOf(nodeFiles(context, nodeId).log);
  return new KitError(`${nodeId} exited before it replied; ${log}`, {
    code: 'NODE_DIED',
    ...(address && { where: `${address.host}:${address.port}` }),
    ...(couldNotLoad(log) && { hint: 'see docs/runbook.md, "Damaged or lost data"' }),
    exitCode: 3,
  });
}

/** Returns whether the log shows that the server exited because it could not load its data (aof.c, rdb.c, server.c). */
export function couldNotLoad(log: string): boolean {
  return /reading the append only file|Error reading the RDB base file|Fatal error loading the DB|Wrong RDB checksum|Short read or OOM loading DB|Error loading the append only file/i.test(
    log,
  );
}
