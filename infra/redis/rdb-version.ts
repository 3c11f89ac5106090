/**
 * Determines which RDB version each server version uses, and whether one server can take over the data of another. A
 * full synchronization and the files on disk use the RDB format: a server reads its own RDB version and older ones.
 * Pure.
 */
import { atLeast, formatServer, type ServerFamily, type ServerVersion } from './server-version.ts';

/**
 * Newest RDB version that a server reads and writes (`RDB_VERSION` in src/rdb.h), oldest server first. The values come
 * from the sources of Redis 6.2.14, 7.0.15, 7.2.5, 7.4.0 and Valkey 7.2.5, 8.0.1; values for newer servers are the
 * published ones. For a server that is newer than the table, the last row is used.
 */
const RDB_VERSIONS: Readonly<Record<ServerFamily, readonly (readonly [since: string, rdb: number])[]>> = {
  redis: [
    ['5.0', 9],
    ['7.0', 10],
    ['7.2', 11],
    ['7.4', 12],
    ['8.6', 13],
    ['8.8', 14],
  ],
  valkey: [
    ['7.2', 11],
    ['9.0', 80],
  ],
};

/** RDB versions that only Redis uses: Valkey 9 refuses them (`RDB_FOREIGN_VERSION_MIN` and `MAX` in its src/rdb.h). */
const ONLY_REDIS = { first: 12, last: 79 };

export function rdbVersionFor({ family, version }: ServerVersion): number {
  const rows = RDB_VERSIONS[family];
  return rows.findLast(([since]) => atLeast(version, since))?.[1] ?? rows[0]?.[1] ?? 0;
}

/**
 * Describes why nodes of one version cannot be replaced by nodes of another version with the same data; undefined if
 * they can.
 *
 * @param written RDB version of the data; default: the RDB version of the running server
 */
export function versionProblem(
  running: ServerVersion,
  next: ServerVersion,
  written = rdbVersionFor(running),
): string | undefined {
  const read = rdbVersionFor(next);
  const isForeign = next.family === 'valkey' && written >= ONLY_REDIS.first && written <= ONLY_REDIS.last;
  if (written <= read && !isForeign) return undefined;
  const reads = isForeign
    ? `does not read RDB versions ${ONLY_REDIS.first} to ${ONLY_REDIS.last}`
    : `reads up to ${read}`;
  return `${formatServer(running)} writes RDB version ${written}, ${formatServer(next)} ${reads}`;
}
