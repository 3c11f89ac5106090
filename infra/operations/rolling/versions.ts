/** Checks the versions of a rolling change before a node is replaced. Changes nothing. */
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import { versionProblem } from '../../redis/rdb-version.ts';
import { versionOf } from '../../redis/running-server.ts';
import { formatServer, type ServerVersion } from '../../redis/server-version.ts';
import type { Environment } from '../../substrates/environment.ts';

export interface VersionChange {
  readonly from: readonly string[];
  readonly to: string;
}

/**
 * Compares the running servers with the one that replaced nodes run. Nodes that do not answer are left out.
 *
 * @returns undefined if all have the same version
 * @throws KitError `VERSION_DOWNGRADE` if the next server cannot read the data of a running one
 */
export async function checkVersions(
  environment: Environment,
  next: ServerVersion,
): Promise<VersionChange | undefined> {
  const found = await Promise.all(
    environment.topology.redis.map(async ({ id }) => {
      const running = await environment
        .admin(id)
        .then(versionOf)
        .catch(() => undefined);
      return running === undefined ? [] : [{ id, running }];
    }),
  );
  const running = found.flat();
  for (const node of running) {
    const problem = versionProblem(node.running, next);
    if (problem !== undefined) throw downgrade(environment, `${node.id}: ${problem}`);
  }
  const to = formatServer(next);
  const from = [...new Set(running.map((node) => formatServer(node.running)))].filter((text) => text !== to);
  return from.length === 0 ? undefined : { from, to };
}

function downgrade({ name, topology }: Environment, why: string): KitError {
  const flags = environmentFlags(topology.environment);
  return new KitError(`the nodes of '${name}' cannot keep their data with this server: ${why}`, {
    code: 'VERSION_DOWNGRADE',
    exitCode: EXIT.UNKNOWN,
    hint: `use a server that reads it, or move the data: kit backup ${flags}, kit down ${flags}, kit up ${flags}, kit restore ${flags} (docs/runbook.md, "Change of a setting")`,
  });
}
