import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { runOnce } from './fault.ts';

/** Drops replies: requests reach the node, and the connections of its clients end without a reply. */
export const dropReplies: Fault = {
  id: 'drop-replies',
  async inject({ capabilities, substrate }, nodeId) {
    if (capabilities.dropReplies === undefined) {
      throw new KitError(`${nodeId} of ${substrate} has no proxy: set 'proxied' in the drill`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    return { heal: runOnce(await capabilities.dropReplies(nodeId)) };
  },
};
