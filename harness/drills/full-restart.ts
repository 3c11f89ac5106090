import { fullOnlyFailover } from './families.ts';

export const fullRestart = fullOnlyFailover({
  id: 'full-restart',
  title: 'Every node stops in an orderly way, then all nodes start again',
  source: 'drills: full-restart; 002 Persistence',
  safeOutcome:
    'no acknowledged write is lost, because an orderly stop writes all of them to disk; all nodes agree on one master',
  needs: ['stop', 'start'],
  faults: [{ fault: 'stop', target: 'all-nodes', atMs: 2_000, heal: { afterMs: 1_000 } }],
});
