import { integrationDrill } from './families.ts';

const LOADS = ['compute', 'compute-entry', 'compute-many'];
const idsOf = (checks: readonly string[]) => checks.flatMap((what) => LOADS.map((id) => `${what}/${id}`));

export const ttlExpiry = integrationDrill({
  id: 'ttl-expiry',
  title: 'TTLs: default, per call, 0, negative, none; values past their TTL',
  source: 'requirements document 004 §5, test_redis_ttl_expiry; §1, TTL edge conditions',
  safeOutcome:
    'an expired value is a miss, a stale one is returned only within its window, and every key has an expiry',
  // A key without a TTL would survive a run that is killed.
  external: { except: ['null-no-expiry'] },
  expectations: [
    'default-at-most',
    'default-at-least',
    'before-expiry',
    'after-expiry',
    'recomputed',
    'zero-not-stored',
    'zero-miss',
    'negative-refused',
    'negative-not-stored',
    'null-no-expiry',
    ...idsOf(['stale', 'refreshed', 'grace', 'slow', 'over', 'timeout', 'timely']),
    'stale-counted',
  ],
  timed: [
    ...['default-at-least', 'before-expiry', 'null-no-expiry'],
    ...idsOf(['refreshed', 'slow', 'timely']),
  ],
});
