import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { runOnce, stateOf } from './fault.ts';

/** The node dies as in a crash: SIGKILL, no grace, its data stays. Healed by starting it again. */
export const killNode: Fault = {
  id: 'kill',
  async inject({ capabilities, substrate }, nodeId) {
    if (capabilities.kill === undefined || capabilities.start === undefined) {
      throw new KitError(`the ${substrate} substrate does not support killing and starting a node`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    await capabilities.kill(nodeId);
    return { heal: runOnce(async () => capabilities.start?.(nodeId)) };
  },
  async undo(environment, nodeId) {
    const { start } = environment.capabilities;
    if (start === undefined || (await stateOf(environment, nodeId)) !== 'stopped') return false;
    await start.call(environment.capabilities, nodeId);
    return true;
  },
};
