/**
 * Clients that the caller selected for a comparison, in the drills that compare clients. A client that cannot run here
 * (its package is not installed, or it does not support the topology) is not measured: a line gives the reason, and the
 * other clients run.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { KitError } from '../../config/errors.ts';
import type { ClientFacts } from '../drills/clients.ts';
import type { Drill } from '../drills/drill.ts';
import { findClient } from '../extension/registered.ts';
import { isInstalled } from '../workloads/stock/packages.ts';

export interface ComparedClients {
  readonly drills: readonly Drill[];
  /** Lines about clients that cannot run, one per client. */
  readonly notMeasured: readonly string[];
  /** Versions of the selected clients that will run, by `client` and name. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * @param asked selected clients; undefined to keep the clients of each drill. The kit's client always runs, because the
 *   criteria judge it
 * @throws KitError CLIENTS_UNUSED if no drill compares clients, CLIENT_UNKNOWN
 */
export function compareClients(
  drills: readonly Drill[],
  asked: readonly string[] | undefined,
  topology: Drill['topologies'][number],
): ComparedClients {
  if (asked === undefined) return { drills, notMeasured: [], versions: versionsOf(moduleClients(drills)) };
  if (!drills.some(comparesClients)) {
    throw new KitError(`--clients: ${drills.map(({ id }) => id).join(', ')} runs only the kit's client`, {
      code: 'CLIENTS_UNUSED',
      hint: 'omit --clients, or name a drill of the failover family (kit drill --list)',
    });
  }
  const obstacles = asked.map((name) => [name, obstacleTo(findClient(name), topology)] as const);
  const able = obstacles.flatMap(([name, obstacle]) => (obstacle === undefined ? [name] : []));
  const clients = ['kit', ...able.filter((name) => name !== 'kit')] as const;
  return {
    drills: drills.map((drill) => (comparesClients(drill) ? { ...drill, clients } : drill)),
    notMeasured: obstacles.flatMap(([name, obstacle]) =>
      obstacle === undefined ? [] : [`client ${name}: NOT_MEASURED: ${obstacle}`],
    ),
    versions: versionsOf(able.filter((name) => name !== 'kit')),
  };
}

function comparesClients({ clients }: Drill): boolean {
  return clients.length > 1;
}

function obstacleTo(
  { package: needed, topologies, limit }: ClientFacts,
  topology: Drill['topologies'][number],
): string | undefined {
  if (!topologies.includes(topology)) return limit ?? `it does not support the topology ${topology}`;
  if (needed === undefined || isInstalled(needed)) return undefined;
  return `package '${needed}' is not installed; npm ci installs it`;
}

/** Returns the clients of the drills that extension modules provide. */
function moduleClients(drills: readonly Drill[]): readonly string[] {
  return [...new Set(drills.flatMap(({ clients }) => clients))].filter(
    (name) => findClient(name).version !== undefined,
  );
}

function versionsOf(clients: readonly string[]): ComparedClients['versions'] {
  return Object.fromEntries(clients.map((name) => [`client ${name}`, versionOf(findClient(name))]));
}

function versionOf({ version, package: own = 'ioredis' }: ClientFacts): string {
  if (version !== undefined) return version;
  // findPackageJSON needs Node 22.14.
  const folders = createRequire(import.meta.url).resolve.paths(own) ?? [];
  const path = folders.map((folder) => join(folder, own, 'package.json')).find((each) => existsSync(each));
  if (path === undefined) return 'unknown';
  return (JSON.parse(readFileSync(path, 'utf8')) as { version?: string }).version ?? 'unknown';
}
