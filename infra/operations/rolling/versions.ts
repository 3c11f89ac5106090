/**
 * Checks the versions of a rolling change before a node is replaced, and again before each step, because a failover
 * changes the master. Changes nothing.
 *
 * A node keeps its own files, and a replica receives the files of its master, so the next server must be able to read
 * what each master writes. If the next server cannot read a replica's own files, for example after an upgrade that was
 * stopped before the switchover, the replica copies the master's files again.
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import { rdbVersionFor, versionProblem } from '../../redis/rdb-version.ts';
import { rdbVersionOf, versionOf } from '../../redis/running-server.ts';
import { atLeast, formatServer, type ServerVersion } from '../../redis/server-version.ts';
import type { Environment } from '../../substrates/environment.ts';
import { groupsOf } from './health.ts';

export interface VersionChange {
  readonly from: readonly string[];
  readonly to: string;
  /** Whether a running server is newer than the next one of its family. */
  readonly isDowngrade: boolean;
  /**
   * Replicas whose data the next server cannot read. The data is set aside, and the replicas copy it from the master
   * again.
   */
  readonly copied: readonly string[];
}

interface RunningNode {
  readonly id: string;
  readonly running: ServerVersion;
  /** RDB version that the server writes. */
  readonly written: number;
}

/**
 * Compares the running servers with the server that the replacement nodes will run. Nodes that do not reply are left
 * out.
 *
 * @returns undefined if all servers have the same version
 * @throws KitError `VERSION_DOWNGRADE` if the new server cannot read the data of a master
 */
export async function checkVersions(
  environment: Environment,
  next: ServerVersion,
): Promise<VersionChange | undefined> {
  const read = environment.topology.redis.map(({ id }) => readNode(environment, id));
  const nodes = (await Promise.all(read)).flatMap((node) => node ?? []);
  const replicas = await replicasOf(environment);
  const copied: string[] = [];
  for (const { id, running, written } of nodes) {
    const problem = versionProblem(running, next, written);
    if (problem === undefined) continue;
    if (!replicas.has(id)) throw downgrade(environment, `${id}: ${problem}`);
    copied.push(id);
  }
  const to = formatServer(next);
  const others = nodes.filter(({ running }) => formatServer(running) !== to);
  if (others.length === 0) return undefined;
  return {
    from: [...new Set(others.map(({ running }) => formatServer(running)))],
    to,
    isDowngrade: others.some(
      ({ running: { family, version } }) => family === next.family && atLeast(version, next.version),
    ),
    copied,
  };
}

async function readNode(environment: Environment, id: string): Promise<RunningNode | undefined> {
  try {
    const redis = await environment.admin(id);
    const running = await versionOf(redis);
    // A server that is newer than the table may write a newer RDB version than the one in the last row.
    const reported = await rdbVersionOf(redis).catch(() => 0);
    return { id, running, written: Math.max(rdbVersionFor(running), reported) };
  } catch {
    return undefined;
  }
}

/**
 * Returns the replicas that can copy their data from a master. A cluster node needs its own files to join its shard.
 */
async function replicasOf(environment: Environment): Promise<ReadonlySet<string>> {
  if (environment.cluster !== undefined) return new Set();
  // If there is not exactly one master, any node may have the only copy of the data.
  const groups = await groupsOf(environment).catch(() => []);
  return new Set(groups.flatMap(({ replicas }) => replicas));
}

function downgrade({ name, topology }: Environment, why: string): KitError {
  const flags = environmentFlags(topology.environment);
  return new KitError(`the nodes of '${name}' cannot keep their data with this server: ${why}`, {
    code: 'VERSION_DOWNGRADE',
    exitCode: EXIT.UNKNOWN,
    hint: `keep a server version that can read this data, or start empty: kit down ${flags}, kit up ${flags}; kit restore then accepts a backup of the previous version (docs/runbook.md, "Change of the version")`,
  });
}
