import { integrationDrill } from './families.ts';

export const observability = integrationDrill({
  id: 'observability',
  title: 'Counters and metrics match the history',
  source: 'requirements document 004 §3, observability; §4.6, Prometheus counters',
  safeOutcome: 'statistics and metrics match the recorded history, operation by operation',
  // A user of an external Redis may lack the permissions that a first tier needs.
  external: { except: ['local-hits-provoked', 'local-hits'] },
  expectations: [
    'hits',
    'misses',
    'loads',
    'writes',
    'deletes',
    'errors-provoked',
    'errors',
    'ratio',
    'cache_redis_hits_total',
    'cache_redis_misses_total',
    'cache_redis_errors_total',
    'cache_redis_writes_total',
    'cache_redis_deletes_total',
    'cache_redis_loads_total',
    'local-hits-provoked',
    'local-hits',
  ],
  timed: ['errors-provoked', 'hits', 'misses', 'loads', 'writes', 'deletes', 'errors', 'ratio'].concat(
    'local-hits-provoked',
  ),
});
