import { fullOnlyFailover } from './families.ts';

export const replicaCrash = fullOnlyFailover({
  id: 'replica-crash',
  title: 'A replica dies and resynchronises',
  source: 'drills: replica-crash; Redis 02-slaves-reconf.tcl',
  safeOutcome: 'writes continue at every durability; no failover happens, and no write is lost',
  needs: ['kill', 'start'],
  neededFailovers: 0,
  faults: [{ fault: 'kill', target: 'replica', atMs: 2_000, heal: { afterMs: 2_500 } }],
});
