/** Alerts based on the metrics of the cache client, of a canary release, and of the scrapes themselves. Pure. */
import type { AlertRule, RuleContext } from './rule.ts';

export function clientAlerts({ environment, select }: RuleContext): readonly AlertRule[] {
  const { limits } = environment.observability;
  return [
    {
      alert: 'CacheBreakerOpen',
      severity: 'critical',
      expr: `${select('cache_redis_breaker_state')} == 2`,
      forScrapes: 2,
      summary: 'The circuit breaker of {{ $labels.namespace }} on {{ $labels.instance }} is open.',
      runbook: 'clients-cannot-connect',
    },
    {
      alert: 'CacheErrorsHigh',
      severity: 'warning',
      expr: `${select('kit:cache_error_ratio')} > ${limits.errorRatio}`,
      forScrapes: 4,
      summary: '{{ $value | humanizePercentage }} of the operations in {{ $labels.namespace }} fail.',
      runbook: 'rejected-writes',
    },
    {
      alert: 'CacheLatencyHigh',
      severity: 'warning',
      expr: `${select('kit:cache_operation_seconds:p99')} > ${limits.latencyMs / 1_000}`,
      forScrapes: 8,
      summary: 'The p99 latency of operations in {{ $labels.namespace }} is {{ $value | humanizeDuration }}.',
      runbook: 'slow',
    },
    {
      alert: 'CanaryPaused',
      severity: 'warning',
      expr: `max by (environment, canary) (${select('cache_canary_paused')}) == 1`,
      forScrapes: 2,
      summary: 'The canary release {{ $labels.canary }} is paused or rolled back: its share is 0.',
      runbook: 'canary-paused',
    },
    {
      alert: 'MetricsMissing',
      severity: 'warning',
      expr: `${select('up')} == 0`,
      forScrapes: 4,
      summary:
        'Prometheus cannot scrape {{ $labels.instance }} ({{ $labels.job }}): alerts about it cannot fire.',
      runbook: 'exporter-or-commander-down',
    },
  ];
}
