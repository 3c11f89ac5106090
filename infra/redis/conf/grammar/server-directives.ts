/**
 * Every directive of redis.conf and valkey.conf that takes one value: name, kind, bounds and the servers that have it.
 *
 * Source: src/config.c of Redis 6.2.14, 7.0.15, 7.2.6, 7.4.1, 8.0-M01 and Valkey 8.0.1. For Redis 8.2.3 and Valkey
 * 9.1.2: the error messages of the binaries, which name the bounds. For Valkey 8.1 and 9.0: the release notes.
 * `npm run lint-truth -- --generate` compares the table with the installed binaries. Module directives are left out.
 */
import { onlyRedis, redisUntil, since, sincePatches, valkeyOnly } from './availability.ts';
import * as d from './directive.ts';
import { directive, directives } from './directive.ts';
import * as texts from './texts.ts';
import { titleTemplate } from './title-template.ts';

const V8_0 = valkeyOnly('8.0');
const V8_1 = valkeyOnly('8.1');
const V9_0 = valkeyOnly('9.0');
const V9_1 = valkeyOnly('9.1');
const hidden = { isHidden: true } as const;

const SWITCHES = [
  ...directives(
    `activedefrag activerehashing always-show-logo aof-load-truncated aof-rewrite-incremental-fsync aof-use-rdb-preamble
     appendonly cluster-allow-reads-when-down cluster-allow-replica-migration cluster-enabled
     cluster-require-full-coverage crash-log-enabled crash-memcheck-enabled daemonize disable-thp jemalloc-bg-thread
     lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush
     no-appendfsync-on-rewrite protected-mode rdb-del-sync-files rdb-save-incremental-fsync rdbchecksum rdbcompression
     repl-disable-tcp-nodelay repl-diskless-sync replica-announced set-proc-title stop-writes-on-bgsave-error
     syslog-enabled tls-cluster tls-prefer-server-ciphers tls-replication tls-session-caching`,
    d.SWITCH,
  ),
  directive('cluster-replica-no-failover', d.SWITCH, { formerly: 'cluster-slave-no-failover' }),
  directive('replica-ignore-maxmemory', d.SWITCH, { formerly: 'slave-ignore-maxmemory' }),
  directive('replica-lazy-flush', d.SWITCH, { formerly: 'slave-lazy-flush' }),
  directive('replica-read-only', d.SWITCH, { formerly: 'slave-read-only' }),
  directive('replica-serve-stale-data', d.SWITCH, { formerly: 'slave-serve-stale-data' }),
  directive('use-exit-on-panic', d.SWITCH, hidden),
  ...directives('gopher-enabled lua-replicate-commands', d.SWITCH, { in: redisUntil('7.0') }),
  ...directives(
    'aof-timestamp-enabled cluster-allow-pubsubshard-when-down latency-tracking replica-ignore-disk-write-errors',
    d.SWITCH,
    { in: since('7.0') },
  ),
  directive('aof-disable-auto-gc', d.SWITCH, { in: since('7.0'), ...hidden }),
  directive('hide-user-data-from-log', d.SWITCH, { in: since('7.4', '8.0') }),
  directive('cluster-slot-stats-enabled', d.SWITCH, { in: since('8.2', '8.0') }),
  // A setting of the vector set module, which is part of the server.
  directive('vset-force-single-threaded-execution', d.SWITCH, { in: onlyRedis('8.0'), isOfModule: true }),
  directive('repl-rdb-channel', d.SWITCH, { in: onlyRedis('8.0'), ...hidden }),
  directive('lazyexpire-nested-arbitrary-keys', d.SWITCH, { in: onlyRedis('8.0'), ...hidden }),
  // Added by the fix for CVE-2025-46817, which Debian's 7.0.15 also includes.
  directive('lua-enable-deprecated-api', d.SWITCH, {
    in: {
      redis: sincePatches(['6.2.20', '7.0.15', '7.2.11', '7.4.6'], '8.0.4'),
      valkey: sincePatches(['7.2.11', '8.0.6'], '8.1.4'),
    },
    ...hidden,
  }),
  ...directives('dual-channel-replication-enabled extended-redis-compatibility', d.SWITCH, { in: V8_0 }),
  directive('enable-debug-assert', d.SWITCH, { in: V8_0, ...hidden }),
  directive('import-mode', d.SWITCH, { in: V8_1 }),
  ...directives('io-threads-always-active lua-enable-insecure-api', d.SWITCH, { in: V8_1, ...hidden }),
  ...directives('mptcp repl-mptcp', d.SWITCH, { in: V9_0 }),
];

const NUMBERS = [
  ...directives(
    `auto-aof-rewrite-percentage cluster-migration-barrier hz lfu-decay-time lfu-log-factor list-compress-depth
     repl-diskless-sync-delay tcp-backlog tcp-keepalive timeout tls-session-cache-size tls-session-cache-timeout`,
    d.int(0),
  ),
  ...directives('repl-timeout', d.int(1)),
  ...directives('active-defrag-cycle-max active-defrag-cycle-min', d.int(1, 99)),
  ...directives('active-defrag-threshold-lower active-defrag-threshold-upper', d.int(0, 1000)),
  directive('active-expire-effort', d.int(1, 10)),
  directive('databases', d.int(1)),
  directive('maxmemory-eviction-tenacity', d.int(0, 100)),
  ...directives(
    'cluster-announce-bus-port cluster-announce-port cluster-announce-tls-port port tls-port',
    d.port,
  ),
  ...directives('acllog-max-len cluster-node-timeout latency-monitor-threshold repl-backlog-ttl', d.long(0)),
  ...directives('stream-node-max-entries', d.long(0)),
  directive('active-defrag-max-scan-fields', d.long(1)),
  ...directives('set-max-intset-entries tracking-table-max-keys', d.size()),
  directive('maxclients', d.unsigned(1)),
  ...directives('key-load-delay rdb-key-save-delay', d.anyInt, hidden),
  directive('cluster-replica-validity-factor', d.int(0), { formerly: 'cluster-slave-validity-factor' }),
  directive('min-replicas-max-lag', d.int(0), { formerly: 'min-slaves-max-lag' }),
  directive('min-replicas-to-write', d.int(0), { formerly: 'min-slaves-to-write' }),
  directive('repl-ping-replica-period', d.int(1), { formerly: 'repl-ping-slave-period' }),
  directive('replica-announce-port', d.port, { formerly: 'slave-announce-port' }),
  directive('replica-priority', d.int(0), { formerly: 'slave-priority' }),
  directive('slowlog-log-slower-than', d.long(-1), { also: ['commandlog-execution-slower-than', V8_1] }),
  directive('slowlog-max-len', d.long(0), { also: ['commandlog-slow-execution-max-len', V8_1] }),
  directive('hash-max-listpack-entries', d.size(), {
    in: since('7.0'),
    formerly: 'hash-max-ziplist-entries',
  }),
  directive('zset-max-listpack-entries', d.size(), {
    in: since('7.0'),
    formerly: 'zset-max-ziplist-entries',
  }),
  directive('list-max-listpack-size', d.anyInt, { in: since('7.0'), formerly: 'list-max-ziplist-size' }),
  directive('busy-reply-threshold', d.long(0), { in: since('7.0'), formerly: 'lua-time-limit' }),
  ...directives('repl-diskless-sync-max-replicas shutdown-timeout', d.int(0), { in: since('7.0') }),
  directive('cluster-port', d.port, { in: since('7.0') }),
  directive('socket-mark-id', d.unsigned(0), { in: since('7.0') }),
  directive('loading-process-events-interval-bytes', d.int(1024), { in: since('7.0'), ...hidden }),
  directive('watchdog-period', d.int(0), { in: since('7.0'), ...hidden }),
  directive('cluster-ping-interval', d.long(0), { in: since('7.2'), ...hidden }),
  ...directives('set-max-listpack-entries set-max-listpack-value', d.size(), { in: since('7.2') }),
  ...directives('max-new-connections-per-cycle max-new-tls-connections-per-cycle', d.unsigned(1, 1000), {
    in: since('7.4', '8.0'),
  }),
  directive('cluster-compatibility-sample-ratio', d.int(0, 100), { in: onlyRedis('8.0') }),
  directive('prefetch-batch-max-size', d.int(0, 128), { in: since('8.2', '8.0'), ...hidden }),
  directive('cluster-blacklist-ttl', d.anyUnsigned, { in: V8_0 }),
  directive('active-defrag-cycle-us', d.int(0, 100_000), { in: V8_1 }),
  ...directives('commandlog-reply-larger-than commandlog-request-larger-than', d.long(-1), { in: V8_1 }),
  ...directives('commandlog-large-reply-max-len commandlog-large-request-max-len', d.long(0), { in: V8_1 }),
  directive('cluster-manual-failover-timeout', d.int(1), { in: V8_1 }),
  directive('rdma-port', d.port, { in: V8_1 }),
  directive('rdma-rx-size', d.int(65_536, 16_777_216), { in: V8_1 }),
  directive('rdma-completion-vector', d.int(-1, 1024), { in: V8_1 }),
  directive('cluster-databases', d.int(1), { in: V9_0 }),
  ...directives('cluster-announce-client-port cluster-announce-client-tls-port', d.port, { in: V9_0 }),
  directive('cluster-slot-migration-log-max-len', d.long(0), { in: V9_0 }),
  directive('cluster-message-gossip-perc', d.int(1, 100), { in: V9_0, ...hidden }),
  ...directives(
    'min-io-threads-avoid-copy-reply min-string-size-avoid-copy-reply min-string-size-avoid-copy-reply-threaded',
    d.int(0),
    { in: V9_0, ...hidden },
  ),
  directive('tls-auto-reload-interval', d.int(0), { in: V9_1 }),
];

const SIZES = [
  ...directives('auto-aof-rewrite-min-size', d.bytes()),
  ...directives('hll-sparse-max-bytes stream-node-max-bytes', d.byteSize()),
  directive('active-defrag-ignore-bytes', d.byteSize(1)),
  directive('client-query-buffer-limit', d.byteSize(2 ** 20)),
  directive('proto-max-bulk-len', d.bytes(2 ** 20)),
  directive('repl-backlog-size', d.bytes(1)),
  directive('maxmemory', d.anyBytes),
  directive('cluster-link-sendbuf-limit', d.anyBytes, { in: since('7.0') }),
  directive('maxmemory-clients', d.bytesOrPercent, { in: since('7.0') }),
  directive('hash-max-listpack-value', d.byteSize(), {
    in: since('7.0'),
    formerly: 'hash-max-ziplist-value',
  }),
  directive('zset-max-listpack-value', d.byteSize(), {
    in: since('7.0'),
    formerly: 'zset-max-ziplist-value',
  }),
  directive('replica-full-sync-buffer-limit', d.bytes(), { in: onlyRedis('8.0') }),
  directive('slot-migration-max-failover-repl-bytes', d.bytesOrMinus1, { in: V9_0 }),
  directive('unixsocketperm', d.octal),
];

/** Values that were added or removed in a version: one row per version range. */
const VARYING = [
  directive('io-threads', d.int(1, 256), { in: valkeyOnly('9.0') }),
  directive('io-threads', d.int(1, 128), {
    in: { redis: { from: '0' }, valkey: { from: '0', until: '9.0' } },
  }),
  directive('maxmemory-samples', d.int(1, 64), { in: since('7.4', '8.0') }),
  directive('maxmemory-samples', d.int(1), {
    in: { redis: { from: '0', until: '7.4' }, valkey: { from: '0', until: '8.0' } },
  }),
  directive('loglevel', d.choice('debug verbose notice warning nothing'), { in: since('7.2') }),
  directive('loglevel', d.choice('debug verbose notice warning'), { in: redisUntil('7.2') }),
  directive('repl-diskless-load', d.choice('disabled on-empty-db swapdb flush-before-load'), { in: V8_1 }),
  directive('repl-diskless-load', d.choice('disabled on-empty-db swapdb'), {
    in: { redis: { from: '0' }, valkey: { from: '0', until: '8.1' } },
  }),
  directive('log-format', d.choice('legacy logfmt json'), { in: V9_1 }),
  directive('log-format', d.choice('legacy logfmt'), { in: valkeyOnly('8.1', '9.1') }),
  // Removed; still accepted without effect.
  ...directives('list-max-ziplist-entries list-max-ziplist-value', d.IGNORED),
  directive('lua-replicate-commands', d.IGNORED, { in: since('7.0') }),
  directive('io-threads-do-reads', d.IGNORED, { in: since('8.0', '8.1') }),
  directive('io-threads-do-reads', d.SWITCH, {
    in: { redis: { from: '0', until: '8.0' }, valkey: { from: '0', until: '8.1' } },
  }),
  directive('dynamic-hz', d.IGNORED, { in: V9_1 }),
  directive('dynamic-hz', d.SWITCH, { in: { redis: { from: '0' }, valkey: { from: '0', until: '9.1' } } }),
  directive('events-per-io-thread', d.IGNORED, { in: V9_1 }),
  directive('events-per-io-thread', d.int(0), { in: valkeyOnly('8.0', '9.1') }),
  directive('sanitize-dump-payload', d.IGNORED, { in: V9_1 }),
  directive('sanitize-dump-payload', d.choice('no yes clients'), {
    in: { redis: { from: '0' }, valkey: { from: '0', until: '9.1' } },
  }),
];

const CHOICES = [
  directive('acl-pubsub-default', d.choice('allchannels resetchannels')),
  directive('appendfsync', d.choice('everysec always no')),
  directive(
    'maxmemory-policy',
    d.choice(
      'noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random volatile-ttl',
    ),
  ),
  directive('oom-score-adj', d.choice('no yes relative absolute')),
  directive('supervised', d.choice('no upstart systemd auto')),
  directive('syslog-facility', d.choice('user local0 local1 local2 local3 local4 local5 local6 local7')),
  directive('tls-auth-clients', d.choice('no yes optional')),
  directive('cluster-preferred-endpoint-type', d.choice('ip hostname unknown-endpoint'), {
    in: since('7.0'),
  }),
  ...directives(
    'enable-debug-command enable-module-command enable-protected-configs',
    d.choice('no yes local'),
    {
      in: since('7.0'),
    },
  ),
  directive('propagation-error-behavior', d.choice('ignore panic panic-on-replicas'), { in: since('7.0') }),
  directive('rdb-version-check', d.choice('strict relaxed'), { in: V8_1 }),
  directive('log-timestamp-format', d.choice('legacy iso8601 milliseconds'), { in: V8_1 }),
  directive('tls-auth-clients-user', d.choice('off CN URI'), { in: V9_0 }),
  directive('cluster-config-save-behavior', d.choice('sync best-effort'), { in: V9_1 }),
];

const TEXTS = [
  ...directives(
    `aclfile ignore-warnings logfile pidfile requirepass syslog-ident tls-ca-cert-dir tls-ca-cert-file tls-cert-file
     tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-dh-params-file
     tls-key-file tls-key-file-pass tls-protocols`,
    d.TEXT,
  ),
  directive('masterauth', d.TEXT, { also: ['primaryauth', V8_0] }),
  directive('masteruser', d.TEXT, { also: ['primaryuser', V8_0] }),
  directive('replica-announce-ip', d.TEXT, { formerly: 'slave-announce-ip' }),
  directive('aof-rewrite-cpulist', d.TEXT, { in: since('7.4', '8.0'), formerly: 'aof_rewrite_cpulist' }),
  directive('bgsave-cpulist', d.TEXT, { in: since('7.4', '8.0'), formerly: 'bgsave_cpulist' }),
  directive('bio-cpulist', d.TEXT, { in: since('7.4', '8.0'), formerly: 'bio_cpulist' }),
  directive('server-cpulist', d.TEXT, { in: since('7.4', '8.0'), formerly: 'server_cpulist' }),
  directive('bind-source-addr', d.TEXT, { in: since('7.0') }),
  directive('locale-collate', d.TEXT, { in: since('7.2') }),
  ...directives('availability-zone unixsocketgroup', d.TEXT, { in: V8_0 }),
  directive('debug-context', d.TEXT, { in: V8_0, ...hidden }),
  directive('appendfilename', d.text(texts.appendFile)),
  directive('cluster-announce-ip', d.text(texts.announcedAddress)),
  directive('cluster-config-file', d.text(texts.notEmptyInValkey)),
  directive('dbfilename', d.text(texts.snapshotFile)),
  directive('dir', d.text(texts.directory)),
  directive('unixsocket', d.text(texts.socketPath)),
  directive('notify-keyspace-events', d.text(texts.eventClasses)),
  directive('proc-title-template', d.text(titleTemplate)),
  directive('appenddirname', d.text(texts.appendDirectory), { in: since('7.0') }),
  directive('cluster-announce-hostname', d.text(texts.hostName), { in: since('7.0') }),
  directive('cluster-announce-human-nodename', d.text(texts.nodeName), { in: since('7.2') }),
  directive('cluster-announce-client-ipv4', d.text(texts.ipv4), { in: V8_0 }),
  directive('cluster-announce-client-ipv6', d.text(texts.ipv6), { in: V8_0 }),
  directive('hash-seed', d.text(texts.hashSeed), { in: V9_1 }),
];

export const ONE_VALUE_DIRECTIVES: readonly d.Directive[] = [
  ...SWITCHES,
  ...NUMBERS,
  ...SIZES,
  ...VARYING,
  ...CHOICES,
  ...TEXTS,
];
