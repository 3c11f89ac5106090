import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'The watchdog is suspended',
    criterion: 'watchdog-running',
    remedy: ["watchdog: it was 'paused' before the run"],
  },
  async ({ capabilities: { pause } }) => {
    if (pause === undefined) throw new Error('the substrate cannot suspend a process');
    return pause('watchdog');
  },
);
