import { KitError } from '../../config/errors.ts';
import { moveSlots, restoreSlots, slotsWithKeys } from '../../infra/operations/slot-migration.ts';
import type { Fault } from './fault.ts';
import { runOnce } from './fault.ts';

/** Maximum number of slots to move: as many as a rebalancing moves at once, and few enough to take only seconds. */
const MOST_SLOTS = 256;

/** Moves slots that are in use, with their keys, from the node to another master. Healing moves the slots back. */
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
