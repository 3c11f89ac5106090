import { integrationDrill } from './families.ts';

export const timeoutFallback = integrationDrill({
  id: 'timeout-fallback',
  title: 'Redis replies later than the deadline',
  source: 'requirements document 004 §5, test_redis_timeout_fallback',
  safeOutcome: 'every getOrCompute answers with the right value within its deadline; no error is unhandled',
  external: {},
  expectations: [
    'fast-by-redis',
    'all-answered',
    'within-deadline',
    'read-does-not-throw',
    'write-to-memory',
    'recovered',
    'none-unhandled',
  ],
  timed: ['fast-by-redis', 'within-deadline', 'recovered'],
});
