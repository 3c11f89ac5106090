import { integrationDrill } from './families.ts';

const INVALIDATIONS = ['tags', 'domain', 'keys', 'pattern'];

export const outageWrites = integrationDrill({
  id: 'outage-writes',
  title: 'Writes, deletions and invalidations while Redis is unreachable',
  source: 'client/README.md, Writes; 004 §2 Redis outage',
  safeOutcome:
    'no value from before the outage returns, Redis serves all reads again, and lost deletions are reported',
  expectations: [
    ...[
      'before',
      'set-to-memory',
      'read-own-writes',
      'durable-throws',
      'set-if-absent-throws',
      'recovered',
    ].map((what) => `outage/${what}`),
    ...['read-from-redis', 'no-old-value', 'replaced-in-redis', 'others-kept'].map(
      (what) => `outage/${what}`,
    ),
    ...['fallback-hits', 'fallback-events'].map((what) => `outage/${what}`),
    ...INVALIDATIONS.map((way) => `outage/invalidated-${way}`),
    ...['stored', 'replayed', 'kept', 'lost', 'lost-event', 'within'].map((what) => `closing/${what}`),
  ],
  timed: [
    ...['before', 'recovered', 'read-from-redis', 'others-kept'].map((what) => `outage/${what}`),
    ...INVALIDATIONS.map((way) => `outage/invalidated-${way}`),
    ...['stored', 'replayed', 'within'].map((what) => `closing/${what}`),
  ],
});
