import { fullOnlyFailover } from './families.ts';

export const outage = fullOnlyFailover({
  id: 'outage',
  title: 'Every node dies, and all return',
  source: 'drills: outage; requirements document 004 §2, Redis outage',
  safeOutcome:
    'every getOrCompute is answered in time, clients recover without a restart, and no durable write is lost',
  needs: ['kill', 'start'],
  faults: [{ fault: 'kill', target: 'all-nodes', atMs: 2_000, heal: { afterMs: 3_000 } }],
});
