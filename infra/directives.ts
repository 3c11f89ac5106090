/**
 * What redis.conf and sentinel.conf may say: every directive of Redis 7.0 to 8.x with the kind of its value, for the lint
 * and the renderers. Names, ranges and versions are from src/config.c and src/sentinel.c of the branches 7.0, 7.2, 7.4
 * and 8.0. Left out: hidden directives of Redis's own tests, and those of modules (`search-…`, `ts-…`).
 */

export type ValueKind =
  | { readonly kind: 'switch' }
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  /** Bytes, with or without a unit. */
  | { readonly kind: 'size'; readonly min: number }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'text'; readonly arguments: readonly [number, number] };

export interface Directive {
  readonly value: ValueKind;
  /** May stand on several lines. */
  readonly repeatable: boolean;
  /** The name that it is an old name of. */
  readonly aliasOf?: string;
  /** The version that it came with, where that is after 7.0. */
  readonly since?: string;
}

const words = (text: string) => text.trim().split(/\s+/);

const SWITCHES = words(`
  activedefrag activerehashing always-show-logo aof-disable-auto-gc aof-load-truncated aof-rewrite-incremental-fsync
  aof-timestamp-enabled aof-use-rdb-preamble appendonly cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down
  cluster-allow-replica-migration cluster-enabled cluster-replica-no-failover cluster-require-full-coverage
  crash-log-enabled crash-memcheck-enabled daemonize disable-thp dynamic-hz hide-user-data-from-log io-threads-do-reads
  jemalloc-bg-thread latency-tracking lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del
  lazyfree-lazy-user-del lazyfree-lazy-user-flush lua-replicate-commands no-appendfsync-on-rewrite protected-mode
  rdb-del-sync-files rdb-save-incremental-fsync rdbchecksum rdbcompression repl-disable-tcp-nodelay repl-diskless-sync
  replica-announced replica-ignore-disk-write-errors replica-ignore-maxmemory replica-lazy-flush replica-read-only
  replica-serve-stale-data set-proc-title stop-writes-on-bgsave-error syslog-enabled tls-cluster
  tls-prefer-server-ciphers tls-replication tls-session-caching
`);

const INT = 2 ** 31 - 1;
const LONG = Number.MAX_SAFE_INTEGER;
const PORT = 65_535;

/** Name, smallest, largest. */
const NUMBERS: readonly (readonly [string, number, number])[] = [
  ['acllog-max-len', 0, LONG],
  ['active-defrag-cycle-max', 1, 99],
  ['active-defrag-cycle-min', 1, 99],
  ['active-defrag-max-scan-fields', 1, LONG],
  ['active-defrag-threshold-lower', 0, 1000],
  ['active-defrag-threshold-upper', 0, 1000],
  ['active-expire-effort', 1, 10],
  ['auto-aof-rewrite-percentage', 0, INT],
  ['busy-reply-threshold', 0, LONG],
  ['cluster-announce-bus-port', 0, PORT],
  ['cluster-announce-port', 0, PORT],
  ['cluster-announce-tls-port', 0, PORT],
  ['cluster-migration-barrier', 0, INT],
  ['cluster-node-timeout', 0, LONG],
  ['cluster-ping-interval', 0, INT],
  ['cluster-port', 0, PORT],
  ['cluster-replica-validity-factor', 0, INT],
  ['databases', 1, INT],
  ['hash-max-listpack-entries', 0, LONG],
  ['hz', 0, INT],
  ['io-threads', 1, 128],
  ['latency-monitor-threshold', 0, LONG],
  ['lfu-decay-time', 0, INT],
  ['lfu-log-factor', 0, INT],
  ['list-compress-depth', 0, INT],
  ['list-max-listpack-size', -INT, INT],
  ['max-new-connections-per-cycle', 1, 1000],
  ['max-new-tls-connections-per-cycle', 1, 1000],
  ['maxclients', 1, 2 ** 32 - 1],
  ['maxmemory-eviction-tenacity', 0, 100],
  ['maxmemory-samples', 1, INT],
  ['min-replicas-max-lag', 0, INT],
  ['min-replicas-to-write', 0, INT],
  ['port', 0, PORT],
  ['repl-backlog-ttl', 0, LONG],
  ['repl-diskless-sync-delay', 0, INT],
  ['repl-diskless-sync-max-replicas', 0, INT],
  ['repl-ping-replica-period', 1, INT],
  ['repl-timeout', 1, INT],
  ['replica-announce-port', 0, PORT],
  ['replica-priority', 0, INT],
  ['set-max-intset-entries', 0, LONG],
  ['set-max-listpack-entries', 0, LONG],
  ['shutdown-timeout', 0, INT],
  ['slowlog-log-slower-than', -1, LONG],
  ['slowlog-max-len', 0, LONG],
  ['socket-mark-id', 0, 2 ** 32 - 1],
  ['stream-node-max-entries', 0, LONG],
  ['tcp-backlog', 0, INT],
  ['tcp-keepalive', 0, INT],
  ['timeout', 0, INT],
  ['tls-port', 0, PORT],
  ['tls-session-cache-size', 0, INT],
  ['tls-session-cache-timeout', 0, INT],
  ['tracking-table-max-keys', 0, LONG],
  ['zset-max-listpack-entries', 0, LONG],
];

/** Name, smallest number of bytes. */
const SIZES: readonly (readonly [string, number])[] = [
  ['active-defrag-ignore-bytes', 1],
  ['auto-aof-rewrite-min-size', 0],
  ['client-query-buffer-limit', 2 ** 20],
  ['cluster-link-sendbuf-limit', 0],
  ['hash-max-listpack-value', 0],
  ['hll-sparse-max-bytes', 0],
  ['maxmemory', 0],
  ['proto-max-bulk-len', 2 ** 20],
  ['repl-backlog-size', 1],
  ['replica-full-sync-buffer-limit', 0],
  ['set-max-listpack-value', 0],
  ['stream-node-max-bytes', 0],
  ['zset-max-listpack-value', 0],
];

const GUARD = ['no', 'yes', 'local'] as const;
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'acl-pubsub-default': ['allchannels', 'resetchannels'],
  appendfsync: ['always', 'everysec', 'no'],
  'cluster-preferred-endpoint-type': ['ip', 'hostname', 'unknown-endpoint'],
  'enable-debug-command': GUARD,
  'enable-module-command': GUARD,
  'enable-protected-configs': GUARD,
  loglevel: ['debug', 'verbose', 'notice', 'warning', 'nothing'],
  'maxmemory-policy': words(
    'noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl',
  ),
  'oom-score-adj': ['no', 'yes', 'relative', 'absolute'],
  'propagation-error-behavior': ['ignore', 'panic', 'panic-on-replicas'],
  'repl-diskless-load': ['disabled', 'on-empty-db', 'swapdb'],
  'sanitize-dump-payload': ['no', 'yes', 'clients'],
  supervised: ['no', 'upstart', 'systemd', 'auto'],
  'syslog-facility': words('user local0 local1 local2 local3 local4 local5 local6 local7'),
  'tls-auth-clients': ['no', 'yes', 'optional'],
};

/** Name, fewest and most arguments. */
const TEXTS: readonly (readonly [string, number, number])[] = [
  ...words(`
    aclfile aof-rewrite-cpulist aof_rewrite_cpulist appenddirname appendfilename bgsave-cpulist bgsave_cpulist
    bind-source-addr bio-cpulist bio_cpulist cluster-announce-hostname cluster-announce-human-nodename
    cluster-announce-ip cluster-config-file dbfilename dir ignore-warnings include locale-collate logfile masterauth
    masteruser maxmemory-clients notify-keyspace-events pidfile proc-title-template replica-announce-ip requirepass
    server-cpulist server_cpulist syslog-ident tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers
    tls-ciphersuites tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-dh-params-file tls-key-file
    tls-key-file-pass tls-protocols unixsocket unixsocketperm list-max-ziplist-entries list-max-ziplist-value
  `).map((name) => [name, 1, 1] as const),
  ['bind', 1, 16],
  ['client-output-buffer-limit', 4, 12],
  ['latency-tracking-info-percentiles', 0, 64],
  ['loadmodule', 1, 64],
  ['oom-score-adj-values', 3, 3],
  ['rename-command', 2, 2],
  ['replicaof', 2, 2],
  ['save', 1, 64],
  ['shutdown-on-sigint', 1, 4],
  ['shutdown-on-sigterm', 1, 4],
  ['user', 1, 1024],
];

const ALIASES: Readonly<Record<string, string>> = {
  'cluster-slave-no-failover': 'cluster-replica-no-failover',
  'cluster-slave-validity-factor': 'cluster-replica-validity-factor',
  'hash-max-ziplist-entries': 'hash-max-listpack-entries',
  'hash-max-ziplist-value': 'hash-max-listpack-value',
  'list-max-ziplist-size': 'list-max-listpack-size',
  'lua-time-limit': 'busy-reply-threshold',
  'min-slaves-max-lag': 'min-replicas-max-lag',
  'min-slaves-to-write': 'min-replicas-to-write',
  'repl-ping-slave-period': 'repl-ping-replica-period',
  'slave-announce-ip': 'replica-announce-ip',
  'slave-announce-port': 'replica-announce-port',
  'slave-ignore-maxmemory': 'replica-ignore-maxmemory',
  'slave-lazy-flush': 'replica-lazy-flush',
  'slave-priority': 'replica-priority',
  'slave-read-only': 'replica-read-only',
  'slave-serve-stale-data': 'replica-serve-stale-data',
  slaveof: 'replicaof',
  'zset-max-ziplist-entries': 'zset-max-listpack-entries',
  'zset-max-ziplist-value': 'zset-max-listpack-value',
};

const SINCE: Readonly<Record<string, string>> = {
  'aof-rewrite-cpulist': '7.4',
  'bgsave-cpulist': '7.4',
  'bio-cpulist': '7.4',
  'cluster-announce-human-nodename': '7.2',
  'cluster-ping-interval': '7.2',
  'hide-user-data-from-log': '7.4',
  'locale-collate': '7.2',
  'max-new-connections-per-cycle': '7.4',
  'max-new-tls-connections-per-cycle': '7.4',
  'replica-full-sync-buffer-limit': '8.0',
  'server-cpulist': '7.4',
  'set-max-listpack-entries': '7.2',
  'set-max-listpack-value': '7.2',
};

const REPEATABLE = new Set([
  'client-output-buffer-limit',
  'include',
  'loadmodule',
  'rename-command',
  'save',
  'user',
]);

function catalogue(): ReadonlyMap<string, Directive> {
  const values = new Map<string, ValueKind>([
    ...SWITCHES.map((name) => [name, { kind: 'switch' }] as const),
    ...NUMBERS.map(([name, min, max]) => [name, { kind: 'number', min, max }] as const),
    ...SIZES.map(([name, min]) => [name, { kind: 'size', min }] as const),
    ...Object.entries(CHOICES).map(([name, of]) => [name, { kind: 'choice', of }] as const),
    ...TEXTS.map(([name, least, most]) => [name, { kind: 'text', arguments: [least, most] }] as const),
  ]);
  const found = new Map<string, Directive>();
  for (const [name, value] of values) {
    const since = SINCE[name];
    found.set(name, { value, repeatable: REPEATABLE.has(name), ...(since === undefined ? {} : { since }) });
  }
  for (const [alias, aliasOf] of Object.entries(ALIASES)) {
    const directive = found.get(aliasOf);
    if (directive !== undefined) found.set(alias, { ...directive, aliasOf });
  }
  return found;
}

/** Directives of redis.conf; sentinel.conf takes them too. */
export const REDIS_DIRECTIVES = catalogue();

export interface SentinelDirective {
  /** Arguments after the name. */
  readonly arguments: readonly [number, number];
  /** Whether the first argument is the name of a master. */
  readonly ofMaster: boolean;
  /** Whole numbers above zero, by position. */
  readonly numbers?: readonly number[];
  readonly repeatable?: boolean;
}

const ofMaster = (most: number, more: Partial<SentinelDirective> = {}): SentinelDirective => ({
  arguments: [most, most],
  ofMaster: true,
  ...more,
});
const own = (most = 1): SentinelDirective => ({ arguments: [most, most], ofMaster: false });

/** What stands behind the word `sentinel`. */
export const SENTINEL_DIRECTIVES: ReadonlyMap<string, SentinelDirective> = new Map(
  Object.entries({
    monitor: ofMaster(4, { numbers: [2, 3] }),
    'down-after-milliseconds': ofMaster(2, { numbers: [1] }),
    'failover-timeout': ofMaster(2, { numbers: [1] }),
    'parallel-syncs': ofMaster(2, { numbers: [1] }),
    'master-reboot-down-after-period': ofMaster(2),
    'notification-script': ofMaster(2),
    'client-reconfig-script': ofMaster(2),
    'auth-pass': ofMaster(2),
    'auth-user': ofMaster(2),
    'config-epoch': ofMaster(2),
    'leader-epoch': ofMaster(2),
    'known-replica': ofMaster(3, { repeatable: true }),
    'known-slave': ofMaster(3, { repeatable: true }),
    'known-sentinel': { arguments: [3, 4], ofMaster: true, repeatable: true },
    'rename-command': ofMaster(3, { repeatable: true }),
    myid: own(),
    'current-epoch': own(),
    'announce-ip': own(),
    'announce-port': own(),
    'deny-scripts-reconfig': own(),
    'sentinel-user': own(),
    'sentinel-pass': own(),
    'resolve-hostnames': own(),
    'announce-hostnames': own(),
  }),
);

/** The Redis version that a directive came with, where that is after 7.0. */
export function introducedIn(name: string): string | undefined {
  return SINCE[name];
}
