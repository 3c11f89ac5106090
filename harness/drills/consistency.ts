import { integrationDrill } from './families.ts';

export const consistency = integrationDrill({
  id: 'consistency',
  title: 'Replicas hold the same data as the master',
  source: 'mission C1',
  safeOutcome: 'no key differs between the master and any replica, byte for byte',
  topologies: ['sentinel'],
  checkers: ['expectations', 'liveness', 'consistency'],
  expectations: ['present-on-master', '{redis}-equal'],
  timed: ['present-on-master'],
});
