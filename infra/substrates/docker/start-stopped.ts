/**
 * Starts the containers of a deployed environment that are not running. All start at the same time: a Redis node that
 * was master waits for the sentinels, and the sentinels wait for nothing.
 */
import { KitError } from '../../../config/errors.ts';
import { startUnlessRunning } from '../../operations/start-unless-running.ts';
import type { Environment } from '../environment.ts';
import { isStopped, unpauseNode } from './faults.ts';
import type { DockerPlan } from './plan.ts';

/** Starts stopped nodes, and resumes nodes that a killed run had paused. Returns when all of them reply. */
export async function startStopped(
  { nodes, watchdog }: DockerPlan,
  environment: Pick<Environment, 'status' | 'capabilities'>,
  progress: (line: string) => void,
): Promise<void> {
  await Promise.all([...nodes, ...(watchdog ? [watchdog] : [])].map(unpauseNode));
  const stopped = (await environment.status()).filter(({ state }) => state === 'stopped').map(({ id }) => id);
  if (watchdog !== undefined && (await isStopped(watchdog))) stopped.push(watchdog.id);
  if (stopped.length === 0) return;
  progress(`starting ${stopped.join(', ')}`);
  await startAll(stopped, (id) => startUnlessRunning(environment, id));
}

/**
 * Starts all parts at the same time and waits for all of them, even if one fails.
 *
 * @throws the error of the part that failed; if several failed, a KitError with the code of the first error and all
 * messages
 */
export async function startAll(ids: readonly string[], start: (id: string) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(ids.map(start));
  const reasons: readonly unknown[] = results
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => reason);
  const [first] = reasons;
  if (reasons.length === 0) return;
  if (reasons.length === 1 || !(first instanceof KitError)) throw first;
  const { code, hint, where, exitCode } = first;
  const message = reasons
    .map((reason) => (reason instanceof Error ? reason.message : String(reason)))
    .join('; ');
  throw new KitError(message, {
    code,
    exitCode,
    cause: new AggregateError(reasons),
    ...(hint !== undefined && { hint }),
    ...(where !== undefined && { where }),
  });
}
