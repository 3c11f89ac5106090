/** Starts a node, also if the engine restarts it at the same time. */
import { KitError } from '../../config/errors.ts';
import type { Environment } from '../substrates/environment.ts';

/** Starts a node that was stopped when it was looked at; returns without an error if it is running by now. */
export async function startUnlessRunning(
  { capabilities }: Pick<Environment, 'capabilities'>,
  nodeId: string,
): Promise<void> {
  await capabilities.start?.(nodeId).catch((error: unknown) => {
    if (!(error instanceof KitError && error.code === 'NODE_RUNNING')) throw error;
  });
}
