/** Whether every Redis node can take over from its master. */
import { directiveRule } from './directive.ts';

export const promotable = directiveRule('promotable', 'every Redis node can be promoted', [
  {
    directive: 'replica-priority',
    setting: 'redis.extra',
    wanted: 'above 0',
    value: '100',
    reason: 'Sentinel never promotes a replica with priority 0',
    holds: (value) => Number(value) > 0,
  },
  {
    directive: 'replica-announced',
    setting: 'redis.extra',
    wanted: "'yes'",
    value: 'yes',
    reason: 'Sentinel does not report a replica that is not announced, and clients do not find it',
    holds: (value) => value === 'yes',
  },
  {
    directive: 'cluster-replica-no-failover',
    setting: 'redis.extra',
    wanted: "'no'",
    value: 'no',
    reason: 'the replica never takes over the slots of its master',
    holds: (value) => value === 'no',
  },
]);
