import { fullOnlyFailover } from './families.ts';

export const fullRestart = fullOnlyFailover({
  id: 'full-restart',
  title: 'Every node is stopped in an orderly way, and all start again',
  source: 'drills: full-restart; 002 Persistence',
  safeOutcome:
    'no acknowledged write lost, because the orderly stop has written all of them to disk; one master, on which all nodes agree',
  needs: ['stop', 'start'],
  faults: [{ fault: 'stop', target: 'all-nodes', atMs: 2_000, heal: { afterMs: 1_000 } }],
});
