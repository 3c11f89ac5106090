/** Facts about the watchdog, which is not a node: its state, and whether the run repaired it. */
import type { Environment, WatchdogStatus } from '../../../infra/substrates/environment.ts';
import type { Fact } from './redis.ts';

/** Returns the state of the watchdog, or its state before if the run has repaired it; nothing without a watchdog. */
export async function watchdogFacts(
  environment: Pick<Environment, 'watchdogStatus'>,
  before: WatchdogStatus | undefined,
): Promise<readonly Fact[]> {
  try {
    const status = await environment.watchdogStatus?.();
    if (status === undefined) return [];
    const isRepaired = status.state === 'running' && before !== undefined && before.state !== 'running';
    return [{ name: 'watchdog', data: isRepaired ? { ...before, isRepaired } : { ...status } }];
  } catch (error) {
    return [{ name: 'unanswered', data: { error: error instanceof Error ? error.message : String(error) } }];
  }
}
