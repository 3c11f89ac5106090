/**
 * Hand-written node facts: the facts of a healthy environment, produced by the real renderers and from a server's
 * defaults. Tests change or remove one fact of one node.
 */
import { readFileSync } from 'node:fs';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import { Secret } from '../../../../config/secret.ts';
import type { EnvironmentSecrets } from '../../../../config/secrets.ts';
import type { HistoryEvent, ObservationEvent } from '../../../../harness/history/events.ts';
import { redisNodeId, renderClusterNodes } from '../../../../infra/redis/cluster-nodes.ts';
import { renderRedisAcl, renderSentinelAcl, watchdogUseOf } from '../../../../infra/redis/conf/acl.ts';
import { DIRECTIVE_DEFAULTS } from '../../../../infra/redis/conf/directive-defaults.ts';
import { canonicalValue, directivesOf } from '../../../../infra/redis/conf/directive-values.ts';
import { renderRedisConf } from '../../../../infra/redis/conf/redis-conf.ts';
import { renderSentinelConf } from '../../../../infra/redis/conf/sentinel-conf.ts';
import {
  type Address,
  nodesOf,
  planTopology,
  type Topology,
  type TopologyNode,
} from '../../../../infra/topology.ts';
import { buildEnvironment as smallEnvironment } from '../history-builders.ts';

type Fields = Readonly<Record<string, string | number>>;

const secretOf = (name: string) => new Secret(`the-password-of-${name}`);
const SECRETS: EnvironmentSecrets = {
  redis: {
    admin: secretOf('admin'),
    app: secretOf('app'),
    replication: secretOf('replication'),
    sentinel: secretOf('sentinel'),
    exporter: secretOf('exporter'),
  },
  sentinel: { admin: secretOf('admin'), app: secretOf('app'), peer: secretOf('peer') },
};
const FACTS = { version: '7.0.15', activedefrag: false, tls: true };

/** A few commands of each category, as ACL CAT lists them. */
const CLASSES: Fields = {
  admin:
    'acl|list acl|setuser client|kill config|get config|rewrite config|set debug latency|latest psync replconf replicaof role shutdown slaveof slowlog|get',
  dangerous:
    'acl|list acl|setuser client|kill config|get config|rewrite config|set debug flushall flushdb info keys latency|latest psync replconf replicaof role shutdown slaveof slowlog|get sort',
  scripting: 'eval evalsha fcall fcall_ro function|load script|kill',
  keyspace: 'dbsize flushall flushdb keys unlink',
  read: 'dbsize get keys mget sort',
  write: 'fcall flushall flushdb function|load set sort unlink',
  transaction: 'exec multi watch',
  pubsub: 'publish subscribe',
  connection: 'client|id client|info client|kill client|setname echo ping select',
};

/** Users with shortened digests of the password hashes, as the sampler records them. */
function usersOf(text: string): Fields {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name, rules] = /^user (\S+) (.*)$/.exec(line) ?? [];
    if (name !== undefined && rules !== undefined) fields[name] = rules.replace(/#(\w{8})\w+/g, '#digest:$1');
  }
  return fields;
}

export interface Planted {
  readonly node: string;
  /** Name of the observation: `config`, `users`, `sentinel-master`, …, or of a file: `rendered`, `rendered-users`. */
  readonly name: string;
  /** Fields to change; null removes a field. If this option is absent, the entire fact is removed. */
  readonly data?: Readonly<Record<string, string | null>>;
  /** Probes to change; default: all. */
  readonly when?: 'start' | 'between' | 'end';
}

/**
 * All records that the sampler writes in a run: the rendered files, a probe at the start, one between trials, and one
 * at the end.
 */
export function healthyNodes(
  environment: EnvironmentConfig = smallEnvironment(),
  planted: readonly Planted[] = [],
): readonly HistoryEvent[] {
  const topology = planTopology(environment);
  const placement = new Map(
    nodesOf(topology).map(({ id, role, index }) => [id, addressOf(environment, role, index)] as const),
  );
  let atUs = 0;
  const seen = (name: string, data: Fields, node?: string): ObservationEvent => {
    atUs += 1;
    return { type: 'observe', from: 'node', name, ...(node !== undefined && { node }), atUs, data };
  };
  const files = new Map(
    nodesOf(topology).map((node) => [node.id, rendered(topology, node, placement)] as const),
  );
  const file = (name: string, data: Fields, node: string) =>
    seen(
      name,
      planted
        .filter((one) => one.node === node && one.name === name)
        .reduce((fields, one) => withChange(fields, one.data ?? {}), data),
      node,
    );
  const events = [...files].flatMap(([id, { directives, users }]) => [
    file('rendered', directives, id),
    file('rendered-users', users, id),
  ]);
  for (const [i, when] of (['start', 'between', 'end'] as const).entries()) {
    events.push(seen('probe', { when, number: i + 1 }));
    const isWhole = when !== 'between';
    const watchdog = isWhole && topology.watchdog ? [topology.watchdog] : [];
    for (const node of [...nodesOf(topology), ...watchdog]) {
      const found = files.get(node.id);
      const facts =
        node.id === 'watchdog'
          ? [['watchdog', { state: 'running', pid: 1 }] as const]
          : factsOf(topology, node as TopologyNode, placement, found, isWhole);
      for (const [name, data] of facts) {
        const changes = planted.filter(
          (one) => one.node === node.id && one.name === name && (one.when ?? when) === when,
        );
        if (changes.some((one) => one.data === undefined)) continue;
        events.push(
          seen(
            name,
            changes.reduce((fields, one) => withChange(fields, one.data ?? {}), data),
            node.id,
          ),
        );
      }
    }
  }
  return events;
}

/** Replies of an external server: only INFO and ROLE, without rendered files. */
export function sharedNode(
  info: Fields = { maxmemory: '1073741824', maxmemory_policy: 'allkeys-lru' },
): readonly HistoryEvent[] {
  const seen = (atUs: number, name: string, data: Fields, node?: string): ObservationEvent => ({
    type: 'observe',
    from: 'node',
    name,
    ...(node !== undefined && { node }),
    atUs,
    data,
  });
  return (['start', 'end'] as const).flatMap((when, i) => [
    seen(i * 10, 'probe', { when, number: i + 1 }),
    seen(i * 10 + 1, 'info', info, 'redis-1'),
    seen(i * 10 + 2, 'role', { role: 'master', replicas: 0 }, 'redis-1'),
  ]);
}

function withChange(data: Fields, change: Readonly<Record<string, string | null>>): Fields {
  return Object.fromEntries(
    Object.entries({ ...data, ...change }).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

function addressOf(
  { redis, sentinel }: EnvironmentConfig,
  role: 'redis' | 'sentinel',
  index: number,
): Address {
  return role === 'redis'
    ? { host: `127.1.1.${index}`, port: redis.port }
    : { host: `127.1.1.${10 + index}`, port: sentinel.port };
}

interface Files {
  readonly directives: Readonly<Record<string, string>>;
  readonly users: Fields;
}

function rendered(topology: Topology, node: TopologyNode, placement: ReadonlyMap<string, Address>): Files {
  const { environment } = topology;
  const tls = environment.security.tls && { tls: { ca: '/tls/ca', cert: '/tls/cert', key: '/tls/key' } };
  const paths = { dir: '/data', aclfile: '/users.acl', pidfile: '/pid', ...tls };
  const common = { topology, placement, facts: FACTS, secrets: SECRETS, paths };
  const base = (name: string) => readFileSync(name, 'utf8');
  const master = placement.get('redis-1') as Address;
  const { text } =
    node.role === 'redis'
      ? renderRedisConf({
          ...common,
          node,
          base: base('redis-production.conf'),
          cores: 2,
          replicaOf: undefined,
          bindSource: false,
        })
      : renderSentinelConf({ ...common, node, base: base('sentinel.conf'), master });
  const users =
    node.role === 'redis'
      ? renderRedisAcl(SECRETS, environment.client.namespace, FACTS.version, watchdogUseOf(topology))
      : renderSentinelAcl(SECRETS, FACTS.version, watchdogUseOf(topology));
  const directives = Object.fromEntries(directivesOf(text.replaceAll('the-password-of-', 'digest:')));
  return { directives, users: usersOf(users) };
}

function factsOf(
  topology: Topology,
  node: TopologyNode,
  placement: ReadonlyMap<string, Address>,
  files: Files | undefined,
  isWhole: boolean,
): readonly (readonly [string, Fields])[] {
  if (files === undefined) return [];
  const { environment } = topology;
  const { tls } = environment.security;
  const ports: Fields = tls
    ? {
        plain: 'refused',
        TLSv1: 'refused',
        'TLSv1.1': 'refused',
        'TLSv1.2': 'accepted ECDHE-ECDSA-AES256-GCM-SHA384',
        'TLSv1.3': 'accepted TLS_AES_256_GCM_SHA384',
        'worthless-ciphers': 'refused',
      }
    : { plain: 'accepted' };
  const whole: readonly (readonly [string, Fields])[] = isWhole
    ? [
        ['classes', CLASSES],
        ['absent-commands', { names: '' }],
        ['ports', ports],
      ]
    : [];
  const own =
    node.role === 'redis'
      ? redisFacts(topology, node.id, placement, files)
      : sentinelFacts(topology, node.id, files, isWhole);
  const info = { tcp_port: String(placement.get(node.id)?.port), redis_version: FACTS.version };
  return [
    ...own,
    ['users', files.users],
    ['info', node.role === 'redis' ? { ...info, ...INFO } : info],
    ...whole,
  ];
}

const INFO: Fields = {
  aof_last_write_status: 'ok',
  aof_last_bgrewrite_status: 'ok',
  rdb_last_bgsave_status: 'ok',
};

function redisFacts(
  topology: Topology,
  id: string,
  placement: ReadonlyMap<string, Address>,
  { directives }: Files,
): readonly (readonly [string, Fields])[] {
  const { environment } = topology;
  const written = Object.entries(directives).map(([name, value]) => [name, canonicalValue(name, value)]);
  const config = {
    ...Object.fromEntries(DIRECTIVE_DEFAULTS.redis),
    ...Object.fromEntries(written),
    replicaof: '',
  };
  const planned = topology.redis.find((node) => node.id === id);
  const role: Fields =
    planned?.bootstrapMaster === true
      ? { role: 'master', replicas: environment.topology.replicas }
      : { role: 'slave', host: '127.1.1.1', port: 6379, link: 'connected' };
  if (environment.topology.kind !== 'cluster')
    return [
      ['config', config],
      ['role', role],
    ];
  const self = topology.redis.find((node) => node.id === id);
  const text =
    self === undefined ? '' : renderClusterNodes({ topology, placement, clusterId: 'c', node: self });
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(redisNodeId('c', id)) || /^[0-9a-f]{40} /.test(line));
  const nodes = Object.fromEntries(
    lines.map((line) => {
      const [nodeId = '', address, flags, master, , , epoch, link, ...slots] = line.split(' ');
      return [nodeId, [address, flags, master, epoch, link, ...slots].join(' ')];
    }),
  );
  return [
    ['config', config],
    ['role', role],
    ['cluster-nodes', nodes],
  ];
}

function sentinelFacts(
  topology: Topology,
  id: string,
  { directives }: Files,
  isWhole: boolean,
): readonly (readonly [string, Fields])[] {
  const { topology: shape, sentinel } = topology.environment;
  const others = topology.sentinels.filter((node) => node.id !== id);
  const master: Fields = {
    name: shape.serviceName,
    ip: '127.1.1.1',
    port: '6379',
    flags: 'master',
    'num-slaves': String(shape.replicas),
    'num-other-sentinels': String(others.length),
    quorum: String(shape.quorum),
    'down-after-milliseconds': String(sentinel.downAfterMs),
    'failover-timeout': String(sentinel.failoverTimeoutMs),
    'parallel-syncs': String(sentinel.parallelSyncs),
  };
  const of = (name: string) => directives[`sentinel ${name}`] ?? '';
  const kept = Object.entries(directives).filter(([name]) =>
    /^(bind|protected-mode|tcp-keepalive|sentinel (auth-|deny-))/.test(name),
  );
  return [
    ...(isWhole ? [['kept', Object.fromEntries(kept)] as const] : []),
    ['sentinel-master-count', { count: 1 }],
    ['sentinel-master', master],
    ['sentinel-replica-count', { count: shape.replicas }],
    ...Array.from(
      { length: shape.replicas },
      (_, i) => ['sentinel-replica', { name: `127.1.1.${i + 2}:6379` }] as const,
    ),
    ['sentinel-periods', { 'INFO-PERIOD': '10000', 'PING-PERIOD': '1000', 'ELECTION-TIMEOUT': '10000' }],
    ['sentinel-peer-count', { count: others.length }],
    [
      'sentinel-config',
      {
        'resolve-hostnames': 'no',
        'announce-hostnames': 'no',
        'announce-ip': of('announce-ip'),
        'announce-port': of('announce-port'),
        'sentinel-user': of('sentinel-user'),
        'sentinel-pass': of('sentinel-pass'),
      },
    ],
  ];
}
