import { integrationDrill } from './families.ts';

export const replicaReads = integrationDrill({
  id: 'replica-reads',
  title: 'Reads from replicas, including while all replicas lag',
  source: 'client/README.md, Coherence',
  safeOutcome: 'no read is older than maxStalenessMs, and replicas serve only reads that allow it',
  topologies: ['sentinel'],
  expectations: [
    ...['before', 'after'].flatMap((phase) => [`${phase}/replicas`, `${phase}/master`]),
    ...['replicas', 'reads', 'older', 'elsewhere'].map((what) => `held/${what}`),
  ],
  timed: ['before/replicas', 'after/replicas', 'held/elsewhere'],
});
