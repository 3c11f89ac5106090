import { integration } from './families.ts';

export const outageWrites = integration({
  id: 'outage-writes',
  title: 'Writes and deletions while Redis is unreachable',
  source: 'client/README.md, Writes; 004 §2 Redis outage',
  safeOutcome: 'no value from before the outage returns, and Redis serves all reads again',
  expectations: [
    ...['before', 'set-to-memory', 'read-own-writes', 'durable-throws', 'set-if-absent-throws', 'recovered'],
    ...['read-from-redis', 'no-old-value', 'replaced-in-redis', 'others-kept'],
  ],
  timed: ['before', 'recovered', 'read-from-redis', 'others-kept'],
});
