/**
 * Renders the sentinel.conf of one sentinel: the documented base, overridden by the environment and the node. Pure.
 *
 * The text is a template for the first start. Later facts (its id, epochs, the current master) are in the file that
 * Sentinel has rewritten, and a restart keeps that file. `renderKnownSentinels` adds the facts about the other nodes.
 */
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import type { Address, Placement, SentinelNode, Topology } from '../../topology.ts';
import { assertCapable, type BinaryFacts } from '../server-capabilities.ts';
import { addressOf, listenerChanges, type Rendered, type TlsPaths } from './redis-conf.ts';
import { type Change, overrideDirectives } from './text.ts';

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
  /** Master when the sentinel starts. */
  readonly master: Address;
  readonly bindSource?: boolean;
}

/** Renders the file. @throws KitError if the binary cannot run the environment at all (too old, no TLS) */
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
    ...listenerChanges(self, input.bindSource ?? false, paths.tls),
    ofMaster('monitor', master.host, master.port, quorum),
    ofMaster('down-after-milliseconds', downAfterMs),
    ofMaster('parallel-syncs', parallelSyncs),
    ofMaster('failover-timeout', failoverTimeoutMs),
    ...sentinelLogins(serviceName, secrets),
    { name: 'sentinel announce-ip', args: [self.host] },
    { name: 'sentinel announce-port', args: [self.port] },
  ];
  return {
    text: overrideDirectives(input.base, changes, `Settings of ${node.id} in ${environment.name}`),
    deviations: [],
  };
}

/** Returns the settings with which a sentinel logs in to the Redis nodes and to other sentinels. */
export function sentinelLogins(serviceName: string, secrets: EnvironmentSecrets): readonly Change[] {
  return [
    { name: 'sentinel auth-user', args: [serviceName, 'sentinel'] },
    { name: 'sentinel auth-pass', args: [serviceName, secrets.redis.sentinel.reveal()] },
    { name: 'sentinel sentinel-user', args: ['peer'] },
    { name: 'sentinel sentinel-pass', args: [secrets.sentinel.peer.reveal()] },
  ];
}

export interface KnownSentinelsInput {
  readonly topology: Topology;
  readonly node: SentinelNode;
  readonly placement: Placement;
  /** Master when the sentinel starts. */
  readonly master: Address;
  /**
   * Returns the run id of a sentinel. Run ids must differ between environments, or their sentinels could not be
   * distinguished.
   */
  readonly idOf: (nodeId: string) => string;
}

/**
 * Renders the lines that Sentinel would add to its own file after discovering the other sentinels. With these lines in
 * its first file, a sentinel does not have to wait for hello messages, which are sent only every 2 s (sentinel.c,
 * SENTINEL_PUBLISH_PERIOD).
 */
export function renderKnownSentinels({
  topology,
  node,
  placement,
  master,
  idOf,
}: KnownSentinelsInput): string {
  const service = topology.environment.topology.serviceName;
  const known = (what: string, { host, port }: Address, ...rest: readonly string[]) =>
    ['sentinel', what, service, host, port, ...rest].join(' ');
  const replicas = topology.redis
    .map(({ id }) => addressOf(placement, id))
    .filter(({ host, port }) => host !== master.host || port !== master.port);
  const others = topology.sentinels.filter(({ id }) => id !== node.id);
  return [
    `sentinel myid ${idOf(node.id)}`,
    ...replicas.map((address) => known('known-replica', address)),
    ...others.map(({ id }) => known('known-sentinel', addressOf(placement, id), idOf(id))),
    '',
  ].join('\n');
}

/** Parses `sentinel monitor` and `config-epoch` in a sentinel.conf as Sentinel writes it. */
export function parseMonitor(
  text: string,
  service: string,
): { readonly host: string; readonly port: number; readonly epoch: number } | undefined {
  const words = text.split('\n').map((line) => line.trim().split(/\s+/));
  const of = (directive: string) =>
    words.find((it) => it[0] === 'sentinel' && it[1] === directive && it[2] === service);
  const monitor = of('monitor');
  if (monitor?.[3] === undefined || monitor[4] === undefined) return undefined;
  return { host: monitor[3], port: Number(monitor[4]), epoch: Number(of('config-epoch')?.[3] ?? 0) };
}

/** State that Sentinel keeps in its file: its id, the epochs, and the nodes that it has discovered. */
const KEPT_STATE = /^sentinel (myid|config-epoch|leader-epoch|current-epoch|known-replica|known-sentinel) /;

/**
 * Combines a newly rendered sentinel.conf with the file that the sentinel has rewritten: the result has the settings of
 * the rendered file, and the master and the state of the rewritten one.
 */
export function renewSentinelConf(rendered: string, kept: string, service: string): string {
  const monitored = parseMonitor(kept, service);
  const lines = rendered.split('\n').map((line) => {
    const [directive, option, name, , , ...rest] = line.trim().split(/\s+/);
    const isMonitor = directive === 'sentinel' && option === 'monitor' && name === service;
    if (!isMonitor || monitored === undefined) return line;
    return ['sentinel', 'monitor', service, monitored.host, monitored.port, ...rest].join(' ');
  });
  return [...lines, ...kept.split('\n').filter((line) => KEPT_STATE.test(line)), ''].join('\n');
}
