/**
 * One environment on this machine: its parts and the paths of its files. All functions that start, query or stop nodes
 * take this value instead of a list of parameters.
 *
 *   <stateDir>/environments/<name>/ledger.json         running processes (ledger.ts)
 *                                 /tls/…               certificates, if the environment has TLS
 *                                 /<node>/<node>.conf  rendered; Redis and Sentinel rewrite it
 *                                 /<node>/<node>.log   standard output and standard error
 *                                 /<node>/users.acl    passwords as hashes
 *                                 /<node>/data/        working directory: RDB, AOF, a cluster's nodes.conf
 *                                 /cluster-id          seed of the node ids of a cluster
 */
import { join } from 'node:path';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { type Address, nodesOf, type Placement, type Topology, type TopologyNode } from '../../topology.ts';
import { type ClientEndpoints, MODE_OF, type TlsMaterial } from '../environment.ts';
import type { RedisBinary } from './binary.ts';
import type { Addressing } from './options.ts';

export interface TlsFiles {
  readonly paths: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly material: TlsMaterial;
}

export interface LocalContext {
  readonly topology: Topology;
  readonly stateDir: string;
  readonly dir: string;
  readonly placement: Placement;
  readonly addressing: Addressing;
  readonly binary: RedisBinary;
  /** Passwords, which are replaced when a rotation changes them. */
  secrets: EnvironmentSecrets;
  readonly tls: TlsFiles | undefined;
}

/** Returns the folder of an environment. */
export const environmentDir = (stateDir: string, name: string): string =>
  join(stateDir, 'environments', name);

export interface NodeFiles {
  readonly dir: string;
  readonly data: string;
  readonly conf: string;
  readonly log: string;
  readonly acl: string;
  readonly pid: string;
}

export function nodeFiles(context: Pick<LocalContext, 'dir'>, nodeId: string): NodeFiles {
  const dir = join(context.dir, nodeId);
  return {
    dir,
    data: join(dir, 'data'),
    conf: join(dir, `${nodeId}.conf`),
    log: join(dir, `${nodeId}.log`),
    acl: join(dir, 'users.acl'),
    pid: join(dir, `${nodeId}.pid`),
  };
}

export function addressOf(context: Pick<LocalContext, 'placement'>, nodeId: string): Address {
  const address = context.placement.get(nodeId);
  if (address === undefined) throw new RangeError(`no node '${nodeId}' in this environment`);
  return address;
}

export function nodeOf(context: Pick<LocalContext, 'topology'>, nodeId: string): TopologyNode {
  const node = nodesOf(context.topology).find(({ id }) => id === nodeId);
  if (node === undefined) throw new RangeError(`no node '${nodeId}' in this environment`);
  return node;
}

/** Returns the node at an address: Sentinel reports addresses, whereas the kit uses node ids. */
export function nodeAt(
  context: Pick<LocalContext, 'placement'>,
  host: string,
  port: number,
): string | undefined {
  for (const [id, address] of context.placement) {
    if (address.host === host && address.port === port) return id;
  }
  return undefined;
}

export function endpointsOf(context: LocalContext): ClientEndpoints {
  const { topology, secrets } = context;
  return {
    mode: MODE_OF[topology.environment.topology.kind],
    serviceName: topology.environment.topology.serviceName,
    redis: topology.redis.map(({ id }) => addressOf(context, id)),
    sentinels: topology.sentinels.map(({ id }) => addressOf(context, id)),
    app: { username: 'app', password: secrets.redis.app },
    sentinel: { username: 'app', password: secrets.sentinel.app },
    ...(context.tls === undefined ? {} : { tls: context.tls.material }),
  };
}
