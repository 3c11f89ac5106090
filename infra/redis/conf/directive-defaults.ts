/**
 * Default values: the reply to CONFIG GET * of a server that was started without a file. Measured on Redis 7.0.15,
 * 7.2.6, 7.4.1, 8.0-m01 and 8.2.3, which agree, and on Valkey 8.0.1 and 9.1.2, which agree with each other. Pure data.
 * Left out: `port`, `dir`, `replicaof` (never a default in an environment), passwords, and directives of modules.
 */
import type { ServerFamily } from '../server-version.ts';

const splitWords = (text: string) => text.trim().split(/\s+/);

const EMPTY = splitWords(`
  aclfile aof-rewrite-cpulist aof_rewrite_cpulist bgsave-cpulist bgsave_cpulist bind-source-addr bio-cpulist
  bio_cpulist cluster-announce-hostname cluster-announce-human-nodename cluster-announce-ip ignore-warnings
  locale-collate logfile masteruser notify-keyspace-events pidfile replica-announce-ip requirepass
  server-cpulist server_cpulist tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites
  tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-dh-params-file tls-key-file
  tls-key-file-pass tls-protocols unixsocket
`);

const YES = splitWords(`
  activerehashing aof-load-truncated aof-rewrite-incremental-fsync aof-use-rdb-preamble
  cluster-allow-pubsubshard-when-down cluster-allow-replica-migration cluster-require-full-coverage
  crash-log-enabled crash-memcheck-enabled disable-thp dynamic-hz jemalloc-bg-thread latency-tracking
  protected-mode rdb-save-incremental-fsync rdbchecksum rdbcompression repl-diskless-sync replica-announced
  replica-ignore-maxmemory replica-read-only replica-serve-stale-data set-proc-title
  stop-writes-on-bgsave-error tls-auth-clients tls-session-caching
`);

const NO = splitWords(`
  activedefrag always-show-logo aof-disable-auto-gc aof-timestamp-enabled appendonly
  cluster-allow-reads-when-down cluster-enabled cluster-replica-no-failover cluster-slot-stats-enabled
  daemonize enable-debug-command enable-module-command enable-protected-configs hide-user-data-from-log
  io-threads-do-reads lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del
  lazyfree-lazy-user-del lazyfree-lazy-user-flush no-appendfsync-on-rewrite oom-score-adj rdb-del-sync-files
  repl-disable-tcp-nodelay replica-ignore-disk-write-errors replica-lazy-flush sanitize-dump-payload
  supervised syslog-enabled tls-cluster tls-prefer-server-ciphers tls-replication
  vset-force-single-threaded-execution
`);

const ONE_WORD = splitWords(`
  acl-pubsub-default=resetchannels acllog-max-len=128 active-defrag-cycle-max=25 active-defrag-cycle-min=1
  active-defrag-ignore-bytes=104857600 active-defrag-max-scan-fields=1000 active-defrag-threshold-lower=10
  active-defrag-threshold-upper=100 active-expire-effort=1 appenddirname=appendonlydir
  appendfilename=appendonly.aof appendfsync=everysec auto-aof-rewrite-min-size=67108864
  auto-aof-rewrite-percentage=100 busy-reply-threshold=5000 client-query-buffer-limit=1073741824
  cluster-announce-bus-port=0 cluster-announce-port=0 cluster-announce-tls-port=0
  cluster-compatibility-sample-ratio=0 cluster-config-file=nodes.conf cluster-link-sendbuf-limit=0
  cluster-migration-barrier=1 cluster-node-timeout=15000 cluster-port=0 cluster-preferred-endpoint-type=ip
  cluster-replica-validity-factor=10 databases=16 dbfilename=dump.rdb hash-max-listpack-entries=512
  hash-max-listpack-value=64 hll-sparse-max-bytes=3000 hz=10 io-threads=1 latency-monitor-threshold=0
  lfu-decay-time=1 lfu-log-factor=10 list-compress-depth=0 list-max-listpack-size=-2 loglevel=notice
  max-new-connections-per-cycle=10 max-new-tls-connections-per-cycle=1 maxclients=10000 maxmemory=0
  maxmemory-clients=0 maxmemory-eviction-tenacity=10 maxmemory-policy=noeviction maxmemory-samples=5
  min-replicas-max-lag=10 min-replicas-to-write=0 propagation-error-behavior=ignore
  proto-max-bulk-len=536870912 repl-backlog-size=1048576 repl-backlog-ttl=3600 repl-diskless-load=disabled
  repl-diskless-sync-delay=5 repl-diskless-sync-max-replicas=0 repl-ping-replica-period=10 repl-timeout=60
  replica-announce-port=0 replica-full-sync-buffer-limit=0 replica-priority=100 set-max-intset-entries=512
  set-max-listpack-entries=128 set-max-listpack-value=64 shutdown-on-sigint=default
  shutdown-on-sigterm=default shutdown-timeout=10 slowlog-log-slower-than=10000 slowlog-max-len=128
  socket-mark-id=0 stream-node-max-bytes=4096 stream-node-max-entries=100 syslog-facility=local0
  syslog-ident=redis tcp-backlog=511 tcp-keepalive=300 timeout=0 tls-port=0 tls-session-cache-size=20480
  tls-session-cache-timeout=300 tracking-table-max-keys=1000000 unixsocketperm=0
  zset-max-listpack-entries=128 zset-max-listpack-value=64
`);

const SEVERAL_WORDS: Readonly<Record<string, string>> = {
  bind: '* -::*',
  'client-output-buffer-limit': 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
  'latency-tracking-info-percentiles': '50 99 99.9',
  'oom-score-adj-values': '0 200 800',
  'proc-title-template': '{title} {listen-addr} {server-mode}',
  save: '3600 1 300 100 60 10000',
};

/** Valkey directives whose default is empty, and that Redis either lacks or has with a different default. */
const VALKEY_EMPTY = splitWords(`
  availability-zone cluster-announce-client-ipv4 cluster-announce-client-ipv6 rdma-bind unixsocketgroup
`);

const VALKEY_ONE_WORD = splitWords(`
  active-defrag-cycle-us=500 cluster-announce-client-port=0 cluster-announce-client-tls-port=0
  cluster-blacklist-ttl=60 cluster-config-save-behavior=sync cluster-databases=1
  cluster-manual-failover-timeout=5000 cluster-slot-migration-log-max-len=1000
  commandlog-large-reply-max-len=128 commandlog-large-request-max-len=128
  commandlog-reply-larger-than=1048576 commandlog-request-larger-than=1048576
  dual-channel-replication-enabled=no events-per-io-thread=2 extended-redis-compatibility=no
  hide-user-data-from-log=yes import-mode=no io-threads-do-reads=yes lazyfree-lazy-eviction=yes
  lazyfree-lazy-expire=yes lazyfree-lazy-server-del=yes lazyfree-lazy-user-del=yes
  lazyfree-lazy-user-flush=yes log-format=legacy log-timestamp-format=legacy mptcp=no
  prefetch-batch-max-size=16 rdb-version-check=strict rdma-completion-vector=-1 rdma-port=0
  rdma-rx-size=1048576 repl-backlog-size=10485760 repl-mptcp=no replica-lazy-flush=yes
  slot-migration-max-failover-repl-bytes=0 syslog-ident=valkey tls-auth-clients-user=off
  tls-auto-reload-interval=0
`);

function defaultsTable(empty: readonly string[], oneWord: readonly string[]): (readonly [string, string])[] {
  return [
    ...empty.map((name) => [name, ''] as const),
    ...oneWord.map((pair) => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
    }),
  ];
}

const REDIS = new Map<string, string>([
  ...defaultsTable(EMPTY, ONE_WORD),
  ...YES.map((name) => [name, 'yes'] as const),
  ...NO.map((name) => [name, 'no'] as const),
  ...Object.entries(SEVERAL_WORDS),
]);

/** Default values by directive, in the form in which CONFIG GET reports them. */
export const DIRECTIVE_DEFAULTS: Readonly<Record<ServerFamily, ReadonlyMap<string, string>>> = {
  redis: REDIS,
  valkey: new Map([...REDIS, ...defaultsTable(VALKEY_EMPTY, VALKEY_ONE_WORD)]),
};
