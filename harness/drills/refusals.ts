import { integrationDrill } from './families.ts';

export const refusals = integrationDrill({
  id: 'refusals',
  title: 'Redis replies to writes with an error',
  source: 'client/README.md, Loads; 004 §4.3',
  safeOutcome: 'loads return the value of their loader, and the error is reported and never thrown',
  expectations: ['answers', 'event', 'counted', 'breaker', 'reads', 'after', 'stored-again'],
});
