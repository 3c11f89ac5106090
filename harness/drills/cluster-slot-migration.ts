import { clusterFailover } from './families.ts';

export const clusterSlotMigration: ReturnType<typeof clusterFailover> = {
  ...clusterFailover({
    id: 'cluster-slot-migration',
    title: 'Slots move to another master and back',
    source: 'Redis cluster specification, live reconfiguration: MOVED and ASK redirection',
    safeOutcome: 'no write is lost or applied twice, and callers notice no gap',
    needs: [],
    faults: [{ fault: 'slot-migration', target: 'master', atMs: 2_000, heal: { afterMs: 1_500 } }],
  }),
  // No node is promoted, so there is no deposed master whose answers could be stale.
  checkers: [
    'lost-writes',
    'double-applies',
    'liveness',
    'recovery',
    'latency',
    'availability',
    'generator',
    'memory',
  ],
};
