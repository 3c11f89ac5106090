/** Alerts about the memory, connections and speed of the nodes. Pure. */
import { type AlertRule, RATE_SCRAPES, type RuleContext } from './rule.ts';

/** Memory ratio that triggers the last warning before a node without an eviction policy is full and rejects writes. */
const FULL_RATIO = 0.95;
/**
 * Minimum wasted memory, in bytes: a small node has a high ratio without wasting much memory, because the program
 * itself is larger than the data.
 */
const WASTED_BYTES = 64 * 1024 ** 2;
const FRAGMENTATION_RATIO = 1.5;
/** Minimum read rate at which the hit ratio is significant. */
const LEAST_LOOKUPS_PER_SECOND = 1;

export function capacityAlerts(context: RuleContext): readonly AlertRule[] {
  return [...memoryAlerts(context), ...trafficAlerts(context)];
}

function memoryAlerts({ environment, select }: RuleContext): readonly AlertRule[] {
  const { limits } = environment.observability;
  const memory = select('kit:redis_memory_ratio');
  const resident = select('redis_memory_used_rss_bytes');
  const used = select('redis_memory_used_bytes');
  return [
    {
      alert: 'RedisMemoryHigh',
      severity: 'warning',
      expr: `${memory} > ${limits.memoryRatio}`,
      forScrapes: 8,
      summary: '{{ $labels.node }} uses {{ $value | humanizePercentage }} of maxmemory.',
      runbook: 'memory-full',
    },
    {
      alert: 'RedisMemoryFull',
      severity: 'critical',
      expr:
        `${memory} > ${FULL_RATIO} and on (environment, node)` +
        ` ${select('redis_instance_info', 'maxmemory_policy="noeviction"')}`,
      forScrapes: 2,
      summary:
        '{{ $labels.node }} uses {{ $value | humanizePercentage }} of maxmemory and evicts nothing: writes fail.',
      runbook: 'memory-full',
    },
    {
      alert: 'RedisFragmentationHigh',
      severity: 'warning',
      expr: `${resident} / ${used} > ${FRAGMENTATION_RATIO} and ${resident} - ${used} > ${WASTED_BYTES}`,
      forScrapes: 20,
      summary:
        '{{ $labels.node }} occupies {{ $value | printf "%.1f" }} times as much memory as its data needs.',
      runbook: 'memory-full',
    },
    {
      alert: 'RedisEvictionsHigh',
      severity: 'warning',
      expr: `${select('kit:redis_evictions:rate')} > ${limits.evictionsPerSecond}`,
      forScrapes: 8,
      summary: '{{ $labels.node }} evicts {{ $value | printf "%.0f" }} keys per second.',
      runbook: 'memory-full',
    },
  ];
}

function trafficAlerts({ environment, select, scrapes }: RuleContext): readonly AlertRule[] {
  const { limits } = environment.observability;
  const window = scrapes(RATE_SCRAPES);
  return [
    {
      alert: 'RedisHitRatioLow',
      severity: 'warning',
      expr:
        `${select('kit:redis_hit_ratio')} < ${limits.hitRatio}` +
        ` and ${select('kit:redis_lookups:rate')} > ${LEAST_LOOKUPS_PER_SECOND}`,
      forScrapes: 20,
      summary: '{{ $value | humanizePercentage }} of the reads find a value.',
      runbook: 'slow',
    },
    {
      alert: 'RedisLatencyHigh',
      severity: 'warning',
      expr: `${select('kit:redis_command_seconds:p99')} > ${limits.latencyMs / 1_000}`,
      forScrapes: 8,
      summary: 'The p99 command latency of {{ $labels.node }} is {{ $value | humanizeDuration }}.',
      runbook: 'slow',
    },
    {
      alert: 'RedisConnectionsRejected',
      severity: 'critical',
      expr: `increase(${select('redis_rejected_connections_total')}[${window}]) > 0`,
      forScrapes: 2,
      summary: '{{ $labels.node }} has reached maxclients and rejects connections.',
      runbook: 'connection-limit-reached',
    },
    {
      alert: 'RedisConnectionsHigh',
      severity: 'warning',
      expr: `${select('redis_connected_clients')} / ${select('redis_max_clients')} > ${limits.connectionRatio}`,
      forScrapes: 4,
      summary: '{{ $labels.node }} uses {{ $value | humanizePercentage }} of maxclients.',
      runbook: 'clients-cannot-connect',
    },
  ];
}
