import { fullOnlyIntegration } from './families.ts';

export const memoryFull = fullOnlyIntegration({
  id: 'memory-full',
  title: 'The memory of the masters is full while writes continue',
  source: 'drills: memory-full; requirements document 002, maxmemory and eviction',
  safeOutcome:
    'Redis evicts as configured, replicas stay intact, tags and leases survive or fail safely, and clients recover without a restart',
  expectations: [
    ...['policy', 'evictions', 'loads', 'writes', 'reads'].map((what) => `full/${what}`),
    ...['held', 'invalidated', 'old-values', 'others'].map((what) => `tags/${what}`),
    ...['answers', 'within'].map((what) => `leases/${what}`),
    ...['limit', 'stored', 'old-values'].map((what) => `healed/${what}`),
    ...['linked', 'full-syncs', 'evictions', 'equal'].map((what) => `sentinel?replicas/${what}`),
  ],
});
