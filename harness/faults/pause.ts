import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { once } from './fault.ts';

/** The node hangs: it is stopped from running without being ended. Sockets stay open, nothing answers. */
export const pause: Fault = {
  id: 'pause',
  async inject({ capabilities, substrate }, nodeId) {
    if (capabilities.pause === undefined) {
      throw new KitError(`the ${substrate} substrate cannot pause a node`, { code: 'FAULT_UNAVAILABLE' });
    }
    return { heal: once(await capabilities.pause(nodeId)) };
  },
};
