import { integrationDrill } from './families.ts';

export const ttlExpiry = integrationDrill({
  id: 'ttl-expiry',
  title: 'TTLs: default, per call, 0, negative, none',
  source: 'requirements document 004 §5, test_redis_ttl_expiry; §1, TTL edge conditions',
  safeOutcome: 'an expired value is a miss, and every key has an expiry',
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
  ],
  timed: ['default-at-least', 'before-expiry', 'null-no-expiry'],
});
