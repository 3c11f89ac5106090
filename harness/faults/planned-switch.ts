import { switchover } from '../../infra/operations/switchover.ts';
import type { Fault } from './fault.ts';

/** Planned switchover, coordinated in the same way as in `infra/operations/switchover.ts`. There is nothing to undo. */
export const plannedSwitch: Fault = {
  id: 'planned-switch',
  async inject(environment, _nodeId, signal) {
    const { from, to, tookMs } = await switchover(environment, signal === undefined ? {} : { signal });
    return { heal: async () => undefined, detail: `${from} to ${to} in ${Math.round(tookMs)} ms` };
  },
};
