import { integrationDrill } from './families.ts';

export const breaker = integrationDrill({
  id: 'breaker',
  title: 'The circuit breaker opens, probes and closes',
  source: 'requirements document 004 §5, test_circuit_breaker_trip_reset; §4.7',
  safeOutcome:
    'the breaker opens at its threshold and not before, is half-opened by a probe, and closes without a restart',
  external: {},
  expectations: ['hang', 'down'].flatMap((outage) =>
    [
      ...['closed-before', 'opens', 'answers-open', 'fast-open', 'closes', 'first', 'half-open', 'last'],
      ...['counted', 'redis-again'],
    ].map((what) => `${outage}-${what}`),
  ),
  timed: ['hang', 'down'].flatMap((outage) =>
    ['closed-before', 'opens', 'fast-open', 'closes', 'last', 'redis-again'].map(
      (what) => `${outage}-${what}`,
    ),
  ),
});
