/**
 * Renders the sentinel.conf of one sentinel: the documented base, with the environment and the node laid over it. Pure.
 *
 * It is a template for the first start: what Sentinel has learnt since (its id, epochs, who is master) stands in the file
 * that it rewrote, and whoever restarts it keeps that file.
 */
import type { EnvironmentSecrets } from '../config/secrets.ts';
import { type Change, layOver } from './conf-text.ts';
import { addressOf, listener, type Rendered, type TlsPaths } from './redis-conf.ts';
import type { Address, Placement, SentinelNode, Topology } from './topology.ts';
import { assertCapable, type BinaryFacts } from './versions.ts';

export interface SentinelConfInput {
  readonly topology: Topology;
  readonly node: SentinelNode;
  readonly placement: Placement;
  /** Text of `sentinel.conf`. */
  readonly base: string;
  readonly facts: BinaryFacts;
  readonly secrets: EnvironmentSecrets;
  readonly paths: {
    readonly dir: string;
    readonly aclfile: string;
    readonly pidfile: string;
    readonly logfile?: string;
    readonly tls?: TlsPaths;
  };
  /** Who is master when it starts. */
  readonly master: Address;
  readonly bindSource?: boolean;
}

/** @throws KitError where the binary cannot carry the environment at all (too old, no TLS) */
export function renderSentinelConf(input: SentinelConfInput): Rendered {
  const { topology, node, paths, master, secrets } = input;
  const { environment } = topology;
  assertCapable(input.facts, { environment: environment.name, tls: environment.security.tls });
  const self = addressOf(input.placement, node.id);
  const { serviceName, quorum } = environment.topology;
  const { downAfterMs, parallelSyncs, failoverTimeoutMs } = environment.sentinel;
  const ofMaster = (option: string, ...args: (string | number)[]): Change => ({
    name: `sentinel ${option}`,
    args: [serviceName, ...args],
  });
  const changes: readonly Change[] = [
    { name: 'dir', args: [paths.dir] },
    { name: 'pidfile', args: [paths.pidfile] },
    { name: 'logfile', args: [paths.logfile ?? ''] },
    { name: 'aclfile', args: [paths.aclfile] },
    ...listener(self, input.bindSource ?? false, paths.tls),
    ofMaster('monitor', master.host, master.port, quorum),
    ofMaster('down-after-milliseconds', downAfterMs),
    ofMaster('parallel-syncs', parallelSyncs),
    ofMaster('failover-timeout', failoverTimeoutMs),
    ofMaster('auth-user', 'sentinel'),
    ofMaster('auth-pass', secrets.redis.sentinel.reveal()),
    { name: 'sentinel sentinel-user', args: ['peer'] },
    { name: 'sentinel sentinel-pass', args: [secrets.sentinel.peer.reveal()] },
    { name: 'sentinel announce-ip', args: [self.host] },
    { name: 'sentinel announce-port', args: [self.port] },
  ];
  return { text: layOver(input.base, changes, `Of ${node.id} in ${environment.name}`), departures: [] };
}
