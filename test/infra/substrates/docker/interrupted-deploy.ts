/** A deploy that is interrupted as by Ctrl-C. */
import { expect } from 'vitest';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import { deploy } from '../../../../infra/substrates/docker/terraform.ts';
import { waitUntil } from '../../../support/redis-process.ts';

/** Starts a deploy, and interrupts it when the condition is true. */
export async function interruptDeploy(
  config: EnvironmentConfig,
  stateDir: string,
  inTheMiddle: () => Promise<boolean>,
): Promise<void> {
  const interruption = new AbortController();
  const interrupted = deploy(config, { stateDir, signal: interruption.signal });
  await waitUntil('the deploy to be in the middle', inTheMiddle, 60_000);
  interruption.abort(new Error('as by Ctrl-C'));
  await expect(interrupted).rejects.toThrow('as by Ctrl-C');
}
