import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { runOnce } from './fault.ts';

/**
 * Cuts off the clients behind the fault proxy from the node. Other clients, and the connections between nodes, are not
 * affected.
 */
export const cutClients: Fault = {
  id: 'cut-clients',
  async inject({ capabilities, substrate }, nodeId) {
    if (capabilities.cutClients === undefined) {
      throw new KitError(`${nodeId} of ${substrate} has no proxy: set 'proxied' in the drill`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    return { heal: runOnce(await capabilities.cutClients(nodeId)) };
  },
};
