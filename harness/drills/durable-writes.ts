import { integrationDrill } from './families.ts';

const WAYS = ['set', 'set-many', 'set-if-absent'];

export const durableWrites = integrationDrill({
  id: 'durable-writes',
  title: 'Durable writes without confirmation by replicas',
  source: 'client/README.md, Writes; mission C2',
  safeOutcome: 'no durable write is acknowledged with fewer confirmations than promised',
  topologies: ['sentinel'],
  needs: ['pause'],
  expectations: [
    ...['partial/paused', 'held/paused'],
    ...['before', 'partial', 'held', 'after'].flatMap((phase) => WAYS.map((way) => `${phase}/${way}`)),
  ],
});
