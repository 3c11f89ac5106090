import { KitError } from '../../config/errors.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Fault, Injection } from './fault.ts';
import { runOnce } from './fault.ts';

/** The node is cut off from all other nodes. Clients still reach both sides. */
export const partitionNode: Fault = {
  id: 'partition',
  inject: (environment, nodeId) => cutOff(environment, [nodeId]),
};

/** Separates the group from all other nodes. */
export async function cutOff(
  { capabilities, substrate }: Environment,
  group: readonly string[],
): Promise<Injection> {
  if (capabilities.partition === undefined) {
    throw new KitError(`the ${substrate} substrate does not support partitioning nodes`, {
      code: 'FAULT_UNAVAILABLE',
    });
  }
  const heal = await capabilities.partition(group, { clientsStillReach: true });
  return { heal: runOnce(heal), detail: `${group.join(' and ')} without the other nodes` };
}
