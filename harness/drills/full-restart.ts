import { fullOnlyFailover } from './families.ts';

export const fullRestart = fullOnlyFailover({
  id: 'full-restart',
  title: 'Every node is stopped in an orderly way, and all start again',
  source: 'drills: full-restart; 002 Persistence',
  safeOutcome:
    'no acknowledged write lost, as the orderly stop has written all of them to disk; one master, which all nodes report',
  needs: ['stop', 'start'],
  faults: [{ fault: 'stop', target: 'all-nodes', atMs: 2_000, heal: { afterMs: 1_000 } }],
});
