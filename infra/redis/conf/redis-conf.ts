/**
 * Renders the redis.conf of one node: the documented base, overridden by the settings of the environment and the node.
 * Pure: the same input gives the same text, and nothing is read, probed or written.
 *
 * base + environment + node + binary ─▶ changes ─▶ text, and unsupported settings in words (`deviations`)
 */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { formatBytes } from '../../../config/units.ts';
import type { Address, Placement, RedisNode, Topology } from '../../topology.ts';
import { assertCapable, type BinaryFacts, serverOf } from '../server-capabilities.ts';
import { formatServer } from '../server-version.ts';
import { clusterSettings } from './cluster-conf.ts';
import { describeServersWith, hasDirective } from './grammar/index.ts';
import { type Change, overrideDirectives, splitArguments } from './text.ts';

export interface TlsPaths {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RedisConfInput {
  readonly topology: Topology;
  readonly node: RedisNode;
  readonly placement: Placement;
  /** Text of `redis-production.conf`. */
  readonly base: string;
  readonly facts: BinaryFacts;
  /** Number of cores that the node may use. */
  readonly cores: number;
  readonly secrets: EnvironmentSecrets;
  /** Absolute paths, in the file system of the server process. */
  readonly paths: {
    readonly dir: string;
    readonly aclfile: string;
    readonly pidfile: string;
    readonly logfile?: string;
    readonly tls?: TlsPaths;
  };
  /** Master to follow on startup; undefined to start as master. */
  readonly replicaOf: Address | undefined;
  /** Whether outgoing connections from the node also use its own address. */
  readonly bindSource: boolean;
}

export interface Rendered {
  readonly text: string;
  /** Requested settings that the binary does not support, one sentence each. */
  readonly deviations: readonly string[];
}

/** Renders the file. @throws KitError if the binary cannot run the environment at all (too old, no TLS) */
export function renderRedisConf(input: RedisConfInput): Rendered {
  const { environment } = input.topology;
  assertCapable(input.facts, { environment: environment.name, tls: environment.security.tls });
  const deviations: string[] = [];
  const changes = [
    ...settingChanges(environment),
    ...threadChanges(input, deviations),
    ...defragmentationChanges(input, deviations),
    ...extraChanges(input, deviations),
    ...nodeSettings(input),
    ...clusterSettings(input.topology.environment, input.node, addressOf(input.placement, input.node.id)),
    ...listenerChanges(addressOf(input.placement, input.node.id), input.bindSource, input.paths.tls),
  ];
  return {
    text: overrideDirectives(input.base, changes, `Settings of ${input.node.id} in ${environment.name}`),
    deviations,
  };
}

function settingChanges({ redis }: EnvironmentConfig): readonly Change[] {
  const set = (name: string, ...args: (string | number)[]): Change => ({ name, args });
  return [
    set('maxmemory', formatBytes(redis.maxmemory)),
    set('maxmemory-policy', redis.maxmemoryPolicy),
    set('save', ...(redis.save.length === 0 ? [''] : redis.save.flat())),
    set('appendonly', redis.appendonly ? 'yes' : 'no'),
    set('appendfsync', redis.appendfsync),
    set('repl-backlog-size', formatBytes(redis.replBacklogSize)),
    set('min-replicas-to-write', redis.minReplicasToWrite),
    set('min-replicas-max-lag', redis.minReplicasMaxLagSeconds),
    set('slowlog-log-slower-than', redis.slowlogLogSlowerThanUs),
  ];
}

/**
 * Minimum number of cores for io-threads. redis.conf: "enabling it only in machines that have at least 4 or more cores,
 * leaving at least one spare core".
 */
const CORES_FOR_IO_THREADS = 4;

function threadChanges({ topology, cores }: RedisConfInput, deviations: string[]): readonly Change[] {
  const asked = topology.environment.redis.ioThreads;
  const given = cores < CORES_FOR_IO_THREADS ? 1 : Math.min(asked, cores - 1);
  if (given < asked)
    deviations.push(`io-threads ${asked} reduced to ${given}: the machine has ${cores} cores`);
  return [{ name: 'io-threads', args: [given] }];
}

function defragmentationChanges(
  { topology, facts }: RedisConfInput,
  deviations: string[],
): readonly Change[] {
  if (!topology.environment.redis.activedefrag) return [{ name: 'activedefrag', args: ['no'] }];
  if (facts.activedefrag) return [{ name: 'activedefrag', args: ['yes'] }];
  deviations.push(
    `activedefrag is omitted: ${formatServer(serverOf(facts))} was built with the system allocator and does not start with it`,
  );
  return [{ name: 'activedefrag', leaveOut: 'this binary was built with the system allocator' }];
}

function extraChanges({ topology, facts }: RedisConfInput, deviations: string[]): readonly Change[] {
  return Object.entries(topology.environment.redis.extra).flatMap(([name, value]): Change[] => {
    const where = describeServersWith(name);
    if (where !== undefined && !hasDirective(name, serverOf(facts))) {
      deviations.push(`${name} is omitted: it requires ${where}, got ${formatServer(serverOf(facts))}`);
      return [{ name, leaveOut: `it requires ${where}` }];
    }
    return [{ name, args: splitArguments(value) ?? [value] }];
  });
}

function nodeSettings(input: RedisConfInput): readonly Change[] {
  const self = addressOf(input.placement, input.node.id);
  const { paths, replicaOf } = input;
  return [
    { name: 'dir', args: [paths.dir] },
    { name: 'pidfile', args: [paths.pidfile] },
    { name: 'logfile', args: [paths.logfile ?? ''] },
    { name: 'aclfile', args: [paths.aclfile] },
    { name: 'replica-announce-ip', args: [self.host] },
    { name: 'replica-announce-port', args: [self.port] },
    { name: 'masteruser', args: ['replication'] },
    { name: 'masterauth', args: [input.secrets.redis.replication.reveal()] },
    ...(replicaOf === undefined ? [] : [{ name: 'replicaof', args: [replicaOf.host, replicaOf.port] }]),
  ];
}

/**
 * Returns the settings for the ports of the process: the plain port, or only the TLS port. They are the same for Redis
 * nodes and sentinels.
 */
export function listenerChanges(
  self: Address,
  bindSource: boolean,
  tls: TlsPaths | undefined,
): readonly Change[] {
  const address: Change[] = [
    { name: 'bind', args: [self.host] },
    ...(bindSource ? [{ name: 'bind-source-addr', args: [self.host] }] : []),
  ];
  if (tls === undefined) return [...address, { name: 'port', args: [self.port] }];
  return [
    ...address,
    { name: 'port', args: [0] },
    { name: 'tls-port', args: [self.port] },
    { name: 'tls-ca-cert-file', args: [tls.ca] },
    { name: 'tls-cert-file', args: [tls.cert] },
    { name: 'tls-key-file', args: [tls.key] },
    // Users authenticate by password; a client certificate is verified, but not required.
    { name: 'tls-auth-clients', args: ['optional'] },
    { name: 'tls-protocols', args: ['TLSv1.2 TLSv1.3'] },
    // Despite its name, tls-replication applies to all outgoing connections: to a master, and from a sentinel to all
    // nodes.
    { name: 'tls-replication', args: ['yes'] },
  ];
}

/** Returns a node's address. A missing node is a defect of the substrate, so a plain Error with its stack is thrown. */
export function addressOf(placement: Placement, id: string): Address {
  const address = placement.get(id);
  if (address === undefined)
    throw new Error(`no address for ${id}; known: ${[...placement.keys()].join(', ')}`);
  return address;
}
