/** A fault during a drill: servers are changed once, when a condition holds. */
import { pause } from '../../../harness/wait.ts';
import type { Environment, NodeStatus } from '../../../infra/substrates/environment.ts';
import type { LiveFault } from '../fault.ts';
import { changeFault } from '../server-fault-builders.ts';

interface Moment {
  readonly environment: Environment;
  readonly isRunning: (node: NodeStatus) => boolean;
}

const LOOK_EVERY_MS = 50;

/**
 * @param change makes the change if the condition holds, and returns whether it did; an error counts as false, because
 * nodes can be down or in an election
 */
export function changeDuringRun(
  common: Parameters<typeof changeFault>[0],
  change: (moment: Moment) => Promise<boolean>,
): LiveFault {
  return changeFault(common, async (environment) => {
    const over = new AbortController();
    const isRunning = ({ state }: NodeStatus) => state === 'running';
    const watching = (async () => {
      while (!over.signal.aborted) {
        if (await change({ environment, isRunning }).catch(() => false)) return;
        await pause(LOOK_EVERY_MS, over.signal).catch(() => undefined);
      }
    })();
    return async () => {
      over.abort();
      await watching;
    };
  });
}
