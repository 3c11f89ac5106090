/** Whether a replica changes its data only through replication, without writes by clients or evictions of its own. */
import { directiveRule } from './directive.ts';

export const readOnlyReplicas = directiveRule(
  'read-only-replicas',
  'a replica has the same data as its master: it accepts no writes of clients and evicts no keys itself',
  [
    {
      directive: 'replica-read-only',
      setting: 'redis.extra',
      wanted: "'yes'",
      value: 'yes',
      reason:
        'a write to a replica is lost at its next synchronisation, and until then the replica returns a different value',
      holds: (value) => value === 'yes',
    },
    {
      directive: 'replica-ignore-maxmemory',
      setting: 'redis.extra',
      wanted: "'yes'",
      value: 'yes',
      reason: 'a replica that evicts keys itself lacks keys that its master has',
      holds: (value) => value === 'yes',
    },
  ],
);
