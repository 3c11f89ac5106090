import { KitError } from '../../config/errors.ts';
import { moveSlots, restoreSlots, slotsWithKeys } from '../../infra/operations/slot-migration.ts';
import type { Fault } from './fault.ts';
import { runOnce } from './fault.ts';

/** As many slots as a rebalancing moves at once, and few enough to take only seconds. */
const MOST_SLOTS = 256;

/** Slots in use move from the node to another master, with their keys. The heal moves them back. */
export const slotMigration: Fault = {
  id: 'slot-migration',
  async inject(environment, nodeId, signal) {
    const to = (await environment.cluster?.shards())?.find(({ master }) => master !== nodeId)?.master;
    if (to === undefined) {
      throw new KitError('the cluster has no other master to move slots to', { code: 'FAULT_UNAVAILABLE' });
    }
    const slots = await slotsWithKeys(environment, nodeId, MOST_SLOTS);
    const moved = await moveSlots(environment, { from: nodeId, to, slots }, signal);
    if (moved.keys === 0)
      throw new KitError('no key moved during the slot migration', { code: 'FAULT_FAILED' });
    return {
      heal: runOnce(async () => void (await restoreSlots(environment))),
      detail: `${moved.slots} slots with ${moved.keys} keys from ${nodeId} to ${to} in ${Math.round(moved.tookMs)} ms`,
    };
  },
  async undo(environment) {
    return (await restoreSlots(environment)) > 0;
  },
};
