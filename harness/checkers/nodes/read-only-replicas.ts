/** Whether a replica changes its data only by replication: no writes of clients, no evictions of its own. */
import { directiveRule } from './directive.ts';

export const readOnlyReplicas = directiveRule(
  'read-only-replicas',
  'a replica holds what its master holds: it takes no writes of clients and evicts nothing by itself',
  [
    {
      directive: 'replica-read-only',
      setting: 'redis.extra',
      wanted: "'yes'",
      value: 'yes',
      reason:
        'a write to a replica is lost at its next synchronisation, and until then its readers see another value',
      holds: (value) => value === 'yes',
    },
    {
      directive: 'replica-ignore-maxmemory',
      setting: 'redis.extra',
      wanted: "'yes'",
      value: 'yes',
      reason: 'a replica that evicts by itself misses keys that its master has',
      holds: (value) => value === 'yes',
    },
  ],
);
