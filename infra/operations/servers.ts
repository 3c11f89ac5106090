/** Servers of a running environment, node by node. */
import { versionOf } from '../redis/running-server.ts';
import { formatServer } from '../redis/server-version.ts';
import type { Environment } from '../substrates/environment.ts';

/**
 * Returns the servers of the running nodes, such as "Redis 8.2.1", by node id. A node that does not reply is left out.
 */
export async function nodeServers(environment: Environment): Promise<ReadonlyMap<string, string>> {
  const running = (await environment.status()).filter(({ state }) => state === 'running');
  const read = running.map(async ({ id }) => {
    try {
      return [[id, formatServer(await versionOf(await environment.admin(id)))] as const];
    } catch {
      return [];
    }
  });
  return new Map((await Promise.all(read)).flat());
}

/** Describes servers by version: "Redis 8.2.1: redis-1, redis-2; Redis 7.0.15: redis-3". */
export function describeServers(servers: ReadonlyMap<string, string>): string {
  const versions = [...new Set(servers.values())];
  const nodesOf = (version: string) =>
    [...servers].flatMap(([id, server]) => (server === version ? [id] : []));
  return versions.map((version) => `${version}: ${nodesOf(version).join(', ')}`).join('; ');
}
