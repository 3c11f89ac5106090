import { KitError } from '../../config/errors.ts';
import { roll } from '../../infra/operations/rolling/roll.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Fault } from './fault.ts';

/**
 * Maximum time for a restarted node to synchronize. In a drill a node has little data; a longer wait would use up the
 * time limit of the trial.
 */
const SYNC_TIMEOUT_MS = 30_000;

/**
 * Every Redis node is stopped and started, one at a time, in the order and with the checks of `kit apply`. There is
 * nothing to undo, unless the change failed between the stop and the start of a node.
 */
export const rollingReplace: Fault = {
  id: 'rolling-replace',
  async inject(environment, _nodeId, signal) {
    const { capabilities, substrate, topology } = environment;
    const { stop, start } = capabilities;
    if (stop === undefined || start === undefined) {
      throw new KitError(`the ${substrate} substrate does not support stopping and starting a node`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    const replaceNode = async (nodeId: string) => {
      await stop.call(capabilities, nodeId);
      await start.call(capabilities, nodeId);
    };
    const { replaced, switches, tookMs } = await roll(
      { environment, replaceNode },
      { nodeIds: topology.redis.map(({ id }) => id), syncTimeoutMs: SYNC_TIMEOUT_MS, signal },
    );
    const order = replaced.map(({ nodeId }) => nodeId).join(', ');
    const switched = switches.map(({ from, to, writableMs }) => `${from} to ${to} in ${writableMs} ms`);
    return {
      heal: async () => undefined,
      detail: `${order} in ${tookMs} ms; switched ${switched.join(', ') || 'nothing'}`,
    };
  },
  async undo(environment) {
    const stopped = await stoppedNodes(environment);
    for (const id of stopped) await environment.capabilities.start?.(id);
    return stopped.length > 0;
  },
};

async function stoppedNodes(environment: Environment): Promise<readonly string[]> {
  return (await environment.status()).filter(({ state }) => state === 'stopped').map(({ id }) => id);
}
