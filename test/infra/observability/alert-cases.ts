/**
 * For every alert: series for which it fires, and series close to its limit for which it does not. Each series has one
 * sample per 15 s scrape, in promtool notation: `1x40` is forty-one samples of 1, and `0+5x40` grows by 5 per scrape.
 */
export interface AlertCase {
  readonly alert: string;
  readonly fires: Series;
  readonly quiet: Series;
  /** Environment whose rules are tested; default: `production`. */
  readonly environment?: 'cluster';
}

/** Values by series; `E` is replaced by the environment label. */
type Series = Readonly<Record<string, string>>;

const node = (metric: string, id: string, more = '') =>
  `${metric}{E,job="${id.startsWith('sentinel') ? 'sentinel' : 'redis'}",node="${id}",instance="${id}"${more}}`;
const up = (id: string) => node('up', id);
const role = (id: string, name: string, policy = 'allkeys-lru') =>
  node('redis_instance_info', id, `,role="${name}",maxmemory_policy="${policy}"`);
const cache = (metric: string, more = '') =>
  `cache_redis_${metric}{E,job="application",namespace="shop"${more}}`;
const sentinels = (...values: readonly [string, string, string]): Series =>
  Object.fromEntries(
    values.flatMap((value, i) => [
      [up(`sentinel-${i + 1}`), '1x40'],
      [node('redis_up', `sentinel-${i + 1}`), value],
    ]),
  );
const latency = (slow: string): Series => ({
  [node('redis_commands_latencies_usec_bucket', 'redis-1', ',cmd="get",le="1024"')]: '0+100x40',
  [node('redis_commands_latencies_usec_bucket', 'redis-1', ',cmd="get",le="32768"')]: slow,
  [node('redis_commands_latencies_usec_bucket', 'redis-1', ',cmd="get",le="+Inf"')]: slow,
});
const operations = (slow: string): Series => ({
  [cache('latency_seconds_bucket', ',operation="get",le="0.005"')]: '0+100x40',
  [cache('latency_seconds_bucket', ',operation="get",le="0.05"')]: slow,
  [cache('latency_seconds_bucket', ',operation="get",le="+Inf"')]: slow,
});
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
const reads = (hits: string, misses: string): Series => ({
  [node('redis_keyspace_hits_total', 'redis-1')]: hits,
  [node('redis_keyspace_misses_total', 'redis-1')]: misses,
});

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'RedisNoMaster',
    fires: { [up('redis-2')]: '1x40', [role('redis-2', 'slave')]: '1x40' },
    // Without a successful scrape, the state of the server is unknown.
    quiet: { [up('redis-2')]: '0x40' },
  },
  {
    alert: 'RedisSplitBrain',
    fires: { [role('redis-1', 'master')]: '1x40', [role('redis-2', 'master')]: '1x40' },
    quiet: { [role('redis-1', 'master')]: '1x40', [role('redis-2', 'slave')]: '1x40' },
  },
  {
    alert: 'RedisNodeDown',
    fires: { [node('redis_up', 'redis-3')]: '0x40' },
    // The node is back after 45 s, which is less than the `for` duration of 1 min.
    quiet: { [node('redis_up', 'redis-3')]: '1x35 0x2 1' },
  },
  {
    alert: 'RedisFailover',
    fires: { [role('redis-2', 'slave')]: '1x34 stale', [role('redis-2', 'master')]: '_x34 1x6' },
    // The master was down for a minute and is master again.
    quiet: { [role('redis-2', 'master')]: '1x30 stale _x2 1x8' },
  },
  {
    alert: 'RedisReplicasMissing',
    fires: { [node('redis_connected_slaves', 'redis-1')]: '1x40', [role('redis-1', 'master')]: '1x40' },
    // A replica normally has no replicas.
    quiet: { [node('redis_connected_slaves', 'redis-1')]: '0x40', [role('redis-1', 'slave')]: '1x40' },
  },
  {
    alert: 'RedisReplicaLag',
    fires: { [node('redis_connected_slave_lag_seconds', 'redis-1', ',slave_ip="10.0.0.2"')]: '4x40' },
    quiet: { [node('redis_connected_slave_lag_seconds', 'redis-1', ',slave_ip="10.0.0.2"')]: '2x40' },
  },
  {
    alert: 'RedisReplicaLinkDown',
    fires: { [node('redis_master_link_up', 'redis-2')]: '0x40' },
    quiet: { [node('redis_master_link_up', 'redis-2')]: '1x40' },
  },
  {
    alert: 'RedisNoQuorum',
    fires: sentinels('1x40', '0x40', '0x40'),
    quiet: sentinels('1x40', '1x40', '0x40'),
  },
  {
    alert: 'RedisNoQuorum',
    fires: {
      ...sentinels('1x40', '1x40', '1x40'),
      [node(
        'redis_sentinel_master_ckquorum_status',
        'sentinel-1',
        ',message="NOQUORUM 1 usable Sentinels."',
      )]: '0x40',
    },
    quiet: {
      ...sentinels('1x40', '1x40', '1x40'),
      [node('redis_sentinel_master_ckquorum_status', 'sentinel-1', ',message="OK 3 usable Sentinels."')]:
        '1x40',
    },
  },
  {
    alert: 'RedisSentinelDown',
    fires: sentinels('1x40', '1x40', '0x40'),
    quiet: sentinels('1x40', '1x40', '1x40'),
  },
  {
    alert: 'RedisSentinelTilt',
    fires: { [node('redis_sentinel_tilt', 'sentinel-1')]: '1x40' },
    quiet: { [node('redis_sentinel_tilt', 'sentinel-1')]: '0x40' },
  },
  {
    alert: 'RedisClusterDown',
    environment: 'cluster',
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
  { alert: 'RedisCertificateExpiring', fires: expiresInDays(20.9), quiet: expiresInDays(21.1) },
  { alert: 'RedisCertificateNearlyExpired', fires: expiresInDays(2.9), quiet: expiresInDays(3.1) },
  { alert: 'RedisMemoryHigh', fires: memory(810), quiet: memory(790) },
  { alert: 'RedisMemoryFull', fires: memory(960, 'noeviction'), quiet: memory(960) },
  // Fires: 150 MB more than the memory in use. Quiet: a ratio of 1.45.
  { alert: 'RedisFragmentationHigh', fires: resident(350_000_000), quiet: resident(290_000_000) },
  {
    alert: 'RedisEvictionsHigh',
    fires: { [node('redis_evicted_keys_total', 'redis-1')]: '0+1600x40' },
    quiet: { [node('redis_evicted_keys_total', 'redis-1')]: '0+1400x40' },
  },
  { alert: 'RedisHitRatioLow', fires: reads('0+40x40', '0+60x40'), quiet: reads('0+60x40', '0+40x40') },
  // Rates below one read per second are ignored.
  { alert: 'RedisHitRatioLow', fires: reads('0+0x40', '0+16x40'), quiet: reads('0+0x40', '0+14x40') },
  { alert: 'RedisLatencyHigh', fires: latency('0+150x40'), quiet: latency('0+100x40') },
  {
    alert: 'RedisConnectionsRejected',
    fires: { [node('redis_rejected_connections_total', 'redis-1')]: '0x35 1+1x5' },
    quiet: { [node('redis_rejected_connections_total', 'redis-1')]: '7x40' },
  },
  {
    alert: 'RedisConnectionsHigh',
    fires: {
      [node('redis_connected_clients', 'redis-1')]: '81x40',
      [node('redis_max_clients', 'redis-1')]: '100x40',
    },
    quiet: {
      [node('redis_connected_clients', 'redis-1')]: '79x40',
      [node('redis_max_clients', 'redis-1')]: '100x40',
    },
  },
  {
    alert: 'CacheBreakerOpen',
    fires: { [cache('breaker_state')]: '0x30 2x10' },
    quiet: { [cache('breaker_state')]: '2x10 1x30' },
  },
  {
    alert: 'CacheErrorsHigh',
    fires: {
      [cache('errors_total')]: '0+2x40',
      [cache('latency_seconds_count', ',operation="get"')]: '0+100x40',
    },
    quiet: {
      [cache('errors_total')]: '0+1x40',
      [cache('latency_seconds_count', ',operation="get"')]: '0+101x40',
    },
  },
  { alert: 'CacheLatencyHigh', fires: operations('0+150x40'), quiet: operations('0+100x40') },
  {
    alert: 'CanaryPaused',
    fires: { 'cache_canary_paused{E,canary="pattern-cache"}': '1x40' },
    quiet: { 'cache_canary_paused{E,canary="pattern-cache"}': '0x40' },
  },
  {
    alert: 'MetricsMissing',
    fires: { [up('redis-1')]: '0x40' },
    quiet: { [up('redis-1')]: '1x40' },
  },
];
