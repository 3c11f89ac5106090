import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { runOnce, stateOf } from './fault.ts';

/** The node hangs: it is suspended. Sockets stay open and nothing replies. */
export const pauseNode: Fault = {
  id: 'pause',
  async inject({ capabilities, substrate }, nodeId) {
    if (capabilities.pause === undefined) {
      throw new KitError(`the ${substrate} substrate does not support pausing a node`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    return { heal: runOnce(await capabilities.pause(nodeId)) };
  },
  /**
   * Resumes a paused node. The substrate returns the heal function only from the call that pauses a node, so the node
   * is paused again to obtain it.
   */
  async undo(environment, nodeId) {
    const { capabilities } = environment;
    if (capabilities.pause === undefined || (await stateOf(environment, nodeId)) !== 'paused') return false;
    const heal = await capabilities.pause(nodeId);
    await heal();
    return true;
  },
};
