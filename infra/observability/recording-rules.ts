/** Series that several alerts and panels use, computed once per evaluation. Pure. */
import { PER_NODE, RATE_SCRAPES, type RecordingRule, type RuleContext } from './rule.ts';

export function recordingRules({ select, scrapes }: RuleContext): readonly RecordingRule[] {
  const rate = (metric: string) => `rate(${select(metric)}[${scrapes(RATE_SCRAPES)}])`;
  return [
    {
      // 1 for a master, 0 for a replica; no sample for a node that does not reply.
      record: 'kit:redis_is_master',
      expr:
        `max ${PER_NODE} (${select('redis_instance_info', 'role="master"')})` +
        ` or 0 * max ${PER_NODE} (${select('redis_instance_info', 'role="slave"')})`,
    },
    {
      record: 'kit:redis_replica_lag_seconds',
      expr: `max ${PER_NODE} (${select('redis_connected_slave_lag_seconds')})`,
    },
    {
      record: 'kit:redis_memory_ratio',
      expr: `${select('redis_memory_used_bytes')} / (${select('redis_memory_max_bytes')} > 0)`,
    },
    {
      record: 'kit:redis_lookups:rate',
      expr:
        `sum by (environment) (${rate('redis_keyspace_hits_total')})` +
        ` + sum by (environment) (${rate('redis_keyspace_misses_total')})`,
    },
    {
      // Without reads, the ratio has no value.
      record: 'kit:redis_hit_ratio',
      expr: `sum by (environment) (${rate('redis_keyspace_hits_total')}) / (${select('kit:redis_lookups:rate')} > 0)`,
    },
    { record: 'kit:redis_evictions:rate', expr: `sum ${PER_NODE} (${rate('redis_evicted_keys_total')})` },
    {
      record: 'kit:redis_commands:rate',
      expr: `sum ${PER_NODE} (${rate('redis_commands_processed_total')})`,
    },
    {
      // Excludes commands whose duration is not a latency for clients: blocking ones, replication, and monitoring.
      record: 'kit:redis_command_seconds:p99',
      expr: `histogram_quantile(0.99, sum by (environment, node, le) (rate(${select(
        'redis_commands_latencies_usec_bucket',
        'cmd!~"b[lrz].*|wait.*|xread.*|psync|replconf|info|slowlog.*|latency.*"',
      )}[${scrapes(RATE_SCRAPES)}]))) / 1e6`,
    },
    {
      record: 'kit:cache_operation_seconds:p99',
      expr: `histogram_quantile(0.99, sum by (environment, namespace, le) (${rate('cache_redis_latency_seconds_bucket')}))`,
    },
    {
      record: 'kit:cache_hit_ratio',
      expr:
        `sum by (environment, namespace) (${rate('cache_redis_hits_total')}) / (sum by (environment, namespace)` +
        ` (${rate('cache_redis_hits_total')}) + sum by (environment, namespace) (${rate('cache_redis_misses_total')}) > 0)`,
    },
    {
      record: 'kit:cache_error_ratio',
      expr:
        `sum by (environment, namespace) (${rate('cache_redis_errors_total')}) / (sum by (environment, namespace)` +
        ` (${rate('cache_redis_latency_seconds_count')}) > 0)`,
    },
  ];
}
