/**
 * Access to an external Redis for the operator's commands (`kit cache-stats` and others). Unlike the preflight of a
 * run, it writes nothing, so a user with read permissions is sufficient. It only finds the masters and connects to
 * them.
 */
import type { Redis } from 'ioredis';
import type { ExternalTarget } from '../../../config/external-target.ts';
import type { ClientEndpoints } from '../environment.ts';
import type { ClusterMaster } from './cluster.ts';
import { connectTo } from './connection.ts';
import { endpointsOf } from './environment.ts';
import { currentMasters } from './preflight.ts';

export interface ExternalInspection {
  readonly endpoints: ClientEndpoints;
  /** One master, or all masters of a cluster, ordered by their first slot. */
  readonly masters: readonly ClusterMaster[];
  /** Opens a connection with the rights of the given user. @throws KitError `EXTERNAL_…` */
  connect(master: ClusterMaster): Promise<Redis>;
}

/** Finds the masters. @throws KitError `EXTERNAL_…` with the mistake, its location and the remedy */
export async function inspectExternal(target: ExternalTarget): Promise<ExternalInspection> {
  const masters = await currentMasters(target);
  return {
    endpoints: endpointsOf(target, masters),
    masters,
    connect: ({ address }) => connectTo(target, address),
  };
}
