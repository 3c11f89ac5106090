import { fullOnlyIntegration } from './families.ts';

export const diskFull = fullOnlyIntegration({
  id: 'disk-full',
  title: 'The disk of the append-only file is full',
  source: 'drills: disk-full; requirements document 002, persistence',
  safeOutcome: 'MISCONF is reported, reads continue, and writes succeed again once there is free space',
  needs: ['dataFolder'],
  topologies: ['single', 'sentinel'],
  expectations: [
    ...['errors', 'loads', 'event', 'reads', 'breaker'].map((what) => `full/${what}`),
    ...['stored', 'kept', 'refused', 'file'].map((what) => `healed/${what}`),
  ],
  // If there are sentinels, they promote a replica after down-after: a master that cannot write does not reply to PING.
  timed: [...['errors', 'event', 'reads', 'breaker'].map((what) => `full/${what}`), 'healed/stored'],
});
