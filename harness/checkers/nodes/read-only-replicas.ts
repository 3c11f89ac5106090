/** Whether a Redis node refuses writes of clients as long as it is a replica. */
import { directiveRule } from './directive.ts';

export const readOnlyReplicas = directiveRule('read-only-replicas', 'a replica takes no writes of clients', [
  {
    directive: 'replica-read-only',
    setting: 'redis.extra',
    wanted: "'yes'",
    value: 'yes',
    because:
      'a write to a replica is lost at its next synchronisation, and until then its readers see another value',
    holds: (value) => value === 'yes',
  },
]);
