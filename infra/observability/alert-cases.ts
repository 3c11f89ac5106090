/**
 * For every alert: series for which it fires, and series close to its limit for which it does not. Each series has one
 * sample per 15 s scrape, in promtool notation: `1x40` is forty-one samples of 1, and `0+5x40` grows by 5 per scrape.
 * The values follow from the limits and the topology of the environment. Pure.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import { LEAST_LAG_SECONDS, neededSentinels } from './availability-alerts.ts';
import { rulesOf } from './rules.ts';

export interface AlertCase {
  readonly alert: string;
  readonly fires: Series;
  readonly quiet: Series;
}

/** Values by series; `E` is replaced by the environment label. */
type Series = Readonly<Record<string, string>>;

/** Interval of the samples, in seconds. */
export const CASE_INTERVAL_SECONDS = 15;

const node = (metric: string, id: string, more = '') =>
  `${metric}{E,job="${id.startsWith('sentinel') ? 'sentinel' : 'redis'}",node="${id}",instance="${id}"${more}}`;
const up = (id: string) => node('up', id);
const role = (id: string, name: string, policy = 'allkeys-lru') =>
  node('redis_instance_info', id, `,role="${name}",maxmemory_policy="${policy}"`);
const cache = (metric: string, more = '') =>
  `cache_redis_${metric}{E,job="application",namespace="shop"${more}}`;

/** All sentinels are scraped, and the first `replying` of them reply. */
function sentinels({ topology }: EnvironmentConfig, replying: number): Series {
  const ids = Array.from({ length: topology.sentinels }, (_, i) => `sentinel-${i + 1}`);
  return Object.fromEntries(
    ids.flatMap((id, i) => [
      [up(id), '1x40'],
      [node('redis_up', id), i < replying ? '1x40' : '0x40'],
    ]),
  );
}

const quorum = (status: string, message: string): Series => ({
  [node('redis_sentinel_master_ckquorum_status', 'sentinel-1', `,message="${message}"`)]: status,
});

/** A third of the operations takes between half the limit and twice the limit; with `isSlow` false, none does. */
function latencies(bucket: (le: string) => string, limit: number, isSlow: boolean): Series {
  const all = isSlow ? '0+150x40' : '0+100x40';
  return {
    [bucket(String(limit / 2))]: '0+100x40',
    [bucket(String(limit * 2))]: all,
    [bucket('+Inf')]: all,
  };
}
const commandBucket = (le: string) =>
  node('redis_commands_latencies_usec_bucket', 'redis-1', `,cmd="get",le="${le}"`);
const operationBucket = (le: string) => cache('latency_seconds_bucket', `,operation="get",le="${le}"`);

const memory = (used: number, policy = 'allkeys-lru'): Series => ({
  [node('redis_memory_used_bytes', 'redis-1')]: `${used}x40`,
  [node('redis_memory_max_bytes', 'redis-1')]: '1000x40',
  [role('redis-1', 'master', policy)]: '1x40',
});
/** Expiry time of a certificate; promtool's clock starts at 0. */
const expiresInDays = (days: number): Series => ({
  'kit_certificate_not_after_seconds{E,job="certificates",node="redis-1"}': `${days * 86_400 + 600}x40`,
});
const resident = (bytes: number): Series => ({
  [node('redis_memory_used_rss_bytes', 'redis-1')]: `${bytes}x40`,
  [node('redis_memory_used_bytes', 'redis-1')]: '200000000x40',
});
/** @param hits number of hits per hundred reads, in each interval */
const reads = (hits: number): Series => ({
  [node('redis_keyspace_hits_total', 'redis-1')]: `0+${hits}x40`,
  [node('redis_keyspace_misses_total', 'redis-1')]: `0+${100 - hits}x40`,
});
const misses = (count: number): Series => ({
  [node('redis_keyspace_hits_total', 'redis-1')]: '0+0x40',
  [node('redis_keyspace_misses_total', 'redis-1')]: `0+${count}x40`,
});
const connections = (count: number): Series => ({
  [node('redis_connected_clients', 'redis-1')]: `${count}x40`,
  [node('redis_max_clients', 'redis-1')]: '1000x40',
});
const failures = (count: number): Series => ({
  [cache('errors_total')]: `0+${count}x40`,
  [cache('latency_seconds_count', ',operation="get"')]: '0+1000x40',
});
const evictions = (count: number): Series => ({
  [node('redis_evicted_keys_total', 'redis-1')]: `0+${count}x40`,
});
const lag = (seconds: number): Series => ({
  [node('redis_connected_slave_lag_seconds', 'redis-1', ',slave_ip="10.0.0.2"')]: `${seconds}x40`,
});

/** Returns the cases for the alerts of an environment. */
export function alertCases(environment: EnvironmentConfig): readonly AlertCase[] {
  const own = new Set(rulesOf(environment).alerts.map(({ alert }) => alert));
  const all = [...nodeCases(environment), ...limitCases(environment), ...FIXED_CASES];
  return all.filter(({ alert }) => own.has(alert));
}

function nodeCases(environment: EnvironmentConfig): readonly AlertCase[] {
  const { masters, replicas } = environment.topology;
  const maxLag = Math.max(environment.redis.minReplicasMaxLagSeconds, LEAST_LAG_SECONDS);
  const excess = Array.from({ length: masters + 1 }, (_, i) => [role(`redis-${i + 1}`, 'master'), '1x40']);
  return [
    {
      alert: 'RedisNoMaster',
      fires: { [up('redis-2')]: '1x40', [role('redis-2', 'slave')]: '1x40' },
      // Without a successful scrape, the state of the server is unknown.
      quiet: { [up('redis-2')]: '0x40' },
    },
    {
      alert: 'RedisSplitBrain',
      fires: Object.fromEntries(excess),
      quiet: { ...Object.fromEntries(excess.slice(1)), [role('redis-1', 'slave')]: '1x40' },
    },
    {
      alert: 'RedisNodeDown',
      fires: { [node('redis_up', 'redis-3')]: '0x40' },
      // The node is back after 45 s, which is less than the `for` duration of 1 min.
      quiet: { [node('redis_up', 'redis-3')]: '1x35 0x2 1' },
    },
    {
      alert: 'RedisNodeDown',
      // A node that hangs in the TLS handshake: its scrape fails.
      fires: { [up('redis-2')]: '1x40', [up('redis-3')]: '0x40' },
      // The exporter is down.
      quiet: { [up('redis-2')]: '0x40', [up('redis-3')]: '0x40' },
    },
    {
      alert: 'RedisFailover',
      fires: { [role('redis-2', 'slave')]: '1x34 stale', [role('redis-2', 'master')]: '_x34 1x6' },
      // The master was down for a minute and is master again.
      quiet: { [role('redis-2', 'master')]: '1x30 stale _x2 1x8' },
    },
    {
      alert: 'RedisReplicasMissing',
      fires: {
        [node('redis_connected_slaves', 'redis-1')]: `${replicas - 1}x40`,
        [role('redis-1', 'master')]: '1x40',
      },
      // A replica normally has no replicas.
      quiet: { [node('redis_connected_slaves', 'redis-1')]: '0x40', [role('redis-1', 'slave')]: '1x40' },
    },
    { alert: 'RedisReplicaLag', fires: lag(maxLag + 1), quiet: lag(maxLag) },
    {
      alert: 'RedisReplicaLinkDown',
      fires: { [node('redis_master_link_up', 'redis-2')]: '0x40' },
      quiet: { [node('redis_master_link_up', 'redis-2')]: '1x40' },
    },
    ...sentinelCases(environment),
  ];
}

function sentinelCases(environment: EnvironmentConfig): readonly AlertCase[] {
  const { topology } = environment;
  const needed = neededSentinels(topology);
  const all = sentinels(environment, topology.sentinels);
  return [
    {
      alert: 'RedisNoQuorum',
      fires: sentinels(environment, needed - 1),
      quiet: sentinels(environment, needed),
    },
    {
      alert: 'RedisNoQuorum',
      fires: { ...all, ...quorum('0x40', 'NOQUORUM 1 usable Sentinels.') },
      quiet: { ...all, ...quorum('1x40', 'OK 3 usable Sentinels.') },
    },
    { alert: 'RedisSentinelDown', fires: sentinels(environment, topology.sentinels - 1), quiet: all },
    {
      alert: 'RedisSentinelDown',
      fires: { [up('sentinel-2')]: '1x40', [up('sentinel-3')]: '0x40' },
      quiet: { [up('sentinel-2')]: '0x40', [up('sentinel-3')]: '0x40' },
    },
    {
      alert: 'RedisSentinelTilt',
      fires: { [node('redis_sentinel_tilt', 'sentinel-1')]: '1x40' },
      quiet: { [node('redis_sentinel_tilt', 'sentinel-1')]: '0x40' },
    },
  ];
}

/** Cases whose values are on both sides of a limit of the environment. */
function limitCases({ observability: { limits } }: EnvironmentConfig): readonly AlertCase[] {
  const { memoryRatio, hitRatio, latencyMs, evictionsPerSecond, connectionRatio, errorRatio } = limits;
  const perMille = (ratio: number) => Math.round(ratio * 1_000);
  const hits = Math.round(hitRatio * 100);
  const allowed = evictionsPerSecond * CASE_INTERVAL_SECONDS;
  return [
    {
      alert: 'RedisCertificateExpiring',
      fires: expiresInDays(limits.certificateDays - 0.1),
      quiet: expiresInDays(limits.certificateDays + 0.1),
    },
    { alert: 'RedisCertificateNearlyExpired', fires: expiresInDays(2.9), quiet: expiresInDays(3.1) },
    {
      alert: 'RedisMemoryHigh',
      fires: memory(perMille(memoryRatio) + 10),
      quiet: memory(perMille(memoryRatio) - 10),
    },
    { alert: 'RedisMemoryFull', fires: memory(960, 'noeviction'), quiet: memory(960) },
    // Fires: 150 MB more than the memory in use. Quiet: a ratio of 1.45.
    { alert: 'RedisFragmentationHigh', fires: resident(350_000_000), quiet: resident(290_000_000) },
    {
      alert: 'RedisEvictionsHigh',
      fires: evictions(allowed + 100),
      quiet: evictions(Math.max(0, allowed - 100)),
    },
    {
      alert: 'RedisHitRatioLow',
      fires: reads(Math.max(0, hits - 10)),
      quiet: reads(Math.min(100, hits + 10)),
    },
    // Rates below one read per second are ignored.
    {
      alert: 'RedisHitRatioLow',
      fires: misses(CASE_INTERVAL_SECONDS + 1),
      quiet: misses(CASE_INTERVAL_SECONDS - 1),
    },
    {
      alert: 'RedisLatencyHigh',
      fires: latencies(commandBucket, latencyMs * 1_000, true),
      quiet: latencies(commandBucket, latencyMs * 1_000, false),
    },
    {
      alert: 'RedisConnectionsHigh',
      fires: connections(perMille(connectionRatio) + 10),
      quiet: connections(perMille(connectionRatio) - 10),
    },
    {
      alert: 'CacheErrorsHigh',
      fires: failures(perMille(errorRatio) + 5),
      quiet: failures(Math.max(0, perMille(errorRatio) - 5)),
    },
    {
      alert: 'CacheLatencyHigh',
      fires: latencies(operationBucket, latencyMs / 1_000, true),
      quiet: latencies(operationBucket, latencyMs / 1_000, false),
    },
  ];
}

/** Cases that are the same in every environment. */
const FIXED_CASES: readonly AlertCase[] = [
  {
    alert: 'RedisClusterDown',
    fires: { [node('redis_cluster_state', 'redis-1')]: '0x40' },
    quiet: { [node('redis_cluster_state', 'redis-1')]: '1x40' },
  },
  {
    alert: 'RedisPersistenceFailing',
    fires: { [node('redis_rdb_last_bgsave_status', 'redis-1')]: '1x10 0x30' },
    quiet: { [node('redis_rdb_last_bgsave_status', 'redis-1')]: '1x40' },
  },
  {
    alert: 'RedisPersistenceFailing',
    fires: { [node('redis_aof_last_write_status', 'redis-1')]: '0x40' },
    quiet: { [node('redis_aof_last_write_status', 'redis-1')]: '0x20 1x20' },
  },
  {
    alert: 'RedisConnectionsRejected',
    fires: { [node('redis_rejected_connections_total', 'redis-1')]: '0x35 1+1x5' },
    quiet: { [node('redis_rejected_connections_total', 'redis-1')]: '7x40' },
  },
  {
    alert: 'MetricsMissing',
    fires: { [up('redis-1')]: '0x40' },
    quiet: { [up('redis-1')]: '1x40' },
  },
  {
    alert: 'CacheBreakerOpen',
    fires: { [cache('breaker_state')]: '0x30 2x10' },
    quiet: { [cache('breaker_state')]: '2x10 1x30' },
  },
  {
    alert: 'CanaryPaused',
    fires: { 'cache_canary_paused{E,canary="pattern-cache"}': '1x40' },
    quiet: { 'cache_canary_paused{E,canary="pattern-cache"}': '0x40' },
  },
];
