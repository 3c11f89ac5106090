import { integrationDrill } from './families.ts';

export const replication = integrationDrill({
  id: 'replication',
  title: 'Every write on the master reaches every replica',
  source: 'mission C1; requirements document 002, replication',
  safeOutcome: 'every write is readable on every replica, and all links are up',
  topologies: ['sentinel'],
  checkers: ['expectations', 'liveness', 'replication'],
  // The set of replicas changes with every failover, so replicas are numbered in the order of their names.
  expectations: ['all-readable', '{replica}-link', '{replica}-read-only', '{replica}-io'],
  timed: ['all-readable', '{replica}-link', '{replica}-io'],
});
