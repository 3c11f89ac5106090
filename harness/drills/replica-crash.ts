import { fullOnlyFailover } from './families.ts';

export const replicaCrash = fullOnlyFailover({
  id: 'replica-crash',
  title: 'A replica dies and resynchronises',
  source: 'drills: replica-crash; Redis 02-slaves-reconf.tcl',
  safeOutcome: 'writes with every promise continue; no failover, nothing lost',
  needs: ['kill', 'start'],
  neededFailovers: 0,
  faults: [{ fault: 'kill', target: 'replica', atMs: 2_000, heal: { afterMs: 2_500 } }],
});
