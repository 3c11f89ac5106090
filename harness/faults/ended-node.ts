/**
 * Stops a node, and heals it by starting it again; the faults `kill` and `stop` differ only in how the node is stopped.
 */
import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { runOnce, stateOf } from './fault.ts';

export function endedNode(id: 'kill' | 'stop'): Fault {
  return {
    id,
    async inject({ capabilities, substrate }, nodeId) {
      const end = capabilities[id];
      if (end === undefined || capabilities.start === undefined) {
        throw new KitError(`the ${substrate} substrate does not support ${id} and restart of a node`, {
          code: 'FAULT_UNAVAILABLE',
        });
      }
      await end.call(capabilities, nodeId);
      return { heal: runOnce(async () => capabilities.start?.(nodeId)) };
    },
    async undo(environment, nodeId) {
      const { start } = environment.capabilities;
      if (start === undefined || (await stateOf(environment, nodeId)) !== 'stopped') return false;
      await start.call(environment.capabilities, nodeId);
      return true;
    },
  };
}
