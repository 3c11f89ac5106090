/** Deploys and destroys that are interrupted: the next deploy or destroy completes them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ProgramRecord } from '../../../../../infra/host/process.ts';
import { destroy } from '../../../../../infra/substrates/docker/destroy.ts';
import { listLabelled } from '../../../../../infra/substrates/docker/engine.ts';
import { LABEL } from '../../../../../infra/substrates/docker/plan.ts';
import { addressesIn, readState } from '../../../../../infra/substrates/docker/state.ts';
import { environmentDir } from '../../../../../infra/substrates/docker/state-files.ts';
import { dockerSubstrate } from '../../../../../infra/substrates/docker/substrate.ts';
import { deploy, terraformPlan } from '../../../../../infra/substrates/docker/terraform.ts';
import { waitUntil } from '../../../../support/redis-process.ts';
import { configuration, describeOnEngine, engineStateDir, partNames } from '../fixtures.ts';
import { completeDeploy, interruptDeploy } from '../interrupted-deploy.ts';

const state = engineStateDir();
const config = configuration('interrupted', {}, 29_900);
const substrate = dockerSubstrate({ stateDir: state.path });
const stateFile = join(environmentDir(state.path, config.name), 'terraform.tfstate');
const traces = () => partNames(config.name);

describeOnEngine('interruptions', () => {
  afterAll(async () => {
    await substrate.destroy(config.name);
    state[Symbol.dispose]();
  });

  /** True if more than two containers of the environment have been created. */
  const someMade = async () =>
    (await listLabelled('container', `${LABEL.environment}=${config.name}`)).length > 2;

  it('an interrupted deploy is removed completely by a destroy', async () => {
    await interruptDeploy(config, state.path, someMade);
    expect(await traces()).not.toEqual([]);
    await substrate.destroy(config.name);
    expect(await traces()).toEqual([]);
  });

  it('a deploy interrupted when nodes are created is completed by the next deploy', async () => {
    await interruptDeploy(config, state.path, someMade);
    await completeDeploy(config, state.path);
    await substrate.destroy(config.name);
    expect(await traces()).toEqual([]);
  });

  it('a destroy whose last step was not reached is completed by the next destroy', async () => {
    await deploy(config, { stateDir: state.path });
    const known = readFileSync(stateFile);
    const calls: ProgramRecord[] = [];
    await destroy(config, { stateDir: state.path, sink: (record) => calls.push(record) });
    // All steps succeeded in one run of Terraform, so it was not run again for individual steps.
    expect(calls.map(({ args: [verb], exitCode }) => [verb, exitCode])).toEqual([['destroy', 0]]);
    expect(await traces()).toEqual([]);
    expect(await readState(config, { stateDir: state.path })).toMatchObject({ resources: [], outputs: {} });
    // The state contains all resources, none of which exists.
    writeFileSync(stateFile, known);
    await destroy(config, { stateDir: state.path });
    expect(addressesIn(await readState(config, { stateDir: state.path }))).toEqual([]);
    expect(readdirSync(dirname(stateFile)).filter((name) => name.includes('forgotten'))).toEqual([]);
  });

  it('an interrupted destroy is continued by a deploy, and a destroy leaves nothing behind', async () => {
    await deploy(config, { stateDir: state.path });
    const interruption = new AbortController();
    const interrupted = destroy(config, {
      ...{ stateDir: state.path, allowDestroy: true },
      signal: interruption.signal,
    });
    const before = (await traces()).length;
    await waitUntil('the destroy to be in the middle', async () => (await traces()).length < before, 60_000);
    interruption.abort(new Error('as by Ctrl-C'));
    await expect(interrupted).rejects.toThrow('as by Ctrl-C');
    await deploy(config, { stateDir: state.path });
    expect(await traces()).toHaveLength(before);
    expect(await terraformPlan(config, { stateDir: state.path })).toEqual({ changes: false, steps: [] });
    await substrate.destroy(config.name);
    expect(await traces()).toEqual([]);
  });
});
