import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { once } from './fault.ts';

/** Answers do not come back: what is asked of the node arrives, and its clients' connections end without a word. */
export const mute: Fault = {
  id: 'mute',
  async inject({ capabilities, substrate }, nodeId) {
    if (capabilities.mute === undefined) {
      throw new KitError(`no proxy stands before ${nodeId} of ${substrate}: the drill must ask for one`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    return { heal: once(await capabilities.mute(nodeId)) };
  },
};
