/** A deploy that is interrupted as by Ctrl-C, and the next deploy, which completes it. */
import { expect } from 'vitest';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { deploy } from '../../../../infra/substrates/docker/terraform.ts';
import { planTopology } from '../../../../infra/topology.ts';
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

/** Deploys an interrupted environment with sentinels again, and checks that nothing is missing. */
export async function completeDeploy(config: EnvironmentConfig, stateDir: string): Promise<void> {
  const substrate = dockerSubstrate({ stateDir });
  const environment = await substrate.apply(planTopology(config), { ephemeral: false });
  // The master has changed if the interruption lasted longer than it takes to detect a failed master.
  expect(await environment.masterId()).toMatch(/^redis-[123]$/);
  expect((await substrate.plan(planTopology(config))).map(({ action }) => action)).toEqual(
    Array(6).fill('keep'),
  );
  await environment[Symbol.asyncDispose]();
}
