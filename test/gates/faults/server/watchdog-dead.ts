import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'The watchdog has died',
    criterion: 'watchdog-running',
    remedy: ["watchdog: it was 'stopped' before the run"],
  },
  async ({ capabilities: { kill, start } }) => {
    if (kill === undefined || start === undefined) throw new Error('the substrate cannot kill a process');
    await kill('watchdog');
    return () => start('watchdog');
  },
);
