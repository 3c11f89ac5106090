import { KitError } from '../../config/errors.ts';
import type { Fault } from './fault.ts';
import { once } from './fault.ts';

/** Answers are lost: requests reach the node, and its clients' connections end without an answer. */
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
