import type { Drill } from './drill.ts';
import { fullOnlyFailover } from './families.ts';

export const rollingReplace: Drill = {
  ...fullOnlyFailover({
    id: 'rolling-replace',
    title: 'Every node is restarted, one after the other, as kit apply does',
    source: 'drills: rolling-replace; C2',
    safeOutcome:
      'no write is lost or applied twice, every caller gets an answer, and writes pause only for the planned switchover',
    needs: ['stop', 'start'],
    faults: [{ fault: 'rolling-replace', target: 'master', atMs: 2_000, heal: { afterMs: 1_000 } }],
  }),
  // A trial takes as long as restarting every node. Three trials are enough: a loss would be a defect in the procedure,
  // not in its timing.
  trials: { quick: 0, full: 3 },
};
