/**
 * Drift detection on a real engine: it reports every kind of drift and changes nothing, and the effect that it predicts
 * for the next apply is what Terraform plans.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import { type DriftFinding, findDrift, type NextApply } from '../../../../infra/substrates/docker/drift.ts';
import {
  type ContainerFacts,
  docker,
  inspectContainers,
} from '../../../../infra/substrates/docker/engine.ts';
import { LABEL, planDocker, servicesOf } from '../../../../infra/substrates/docker/plan.ts';
import { configVolumesOf, dataVolumesOn } from '../../../../infra/substrates/docker/plan-volumes.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { deploy, terraformPlan } from '../../../../infra/substrates/docker/terraform.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { deployLabels, describeOnEngine, engineStateDir } from './fixtures.ts';
import { recreateContainer, runInVolume } from './manual-changes.ts';

const state = engineStateDir();
const ports = { redis: 27_800, sentinel: 27_810, exporter: 27_820, commander: 27_821 };
const config = environmentSchema.parse({ ...loadEnvironment('single'), name: 'drifting', docker: { ports } });
const plan = planDocker(planTopology(config));
const { exporter, networks } = plan;
const [node = plan.exporter] = plan.nodes;
const terraform = { stateDir: state.path };
const image = () => String(JSON.parse(readFileSync(join(state.path, 'docker', 'images.json'), 'utf8')).redis);

async function drift(): Promise<readonly DriftFinding[]> {
  const started = performance.now();
  const found = await findDrift(plan, state.path);
  expect(performance.now() - started).toBeLessThan(30_000);
  return found;
}
const noDrift = () => waitUntil('no drift', async () => (await drift()).length === 0);

/**
 * The Terraform plan, expressed in the terms of the findings. The wait at the end of a deploy is excluded, and so is
 * the process limit, which is set again on a replaced container.
 */
const ACTIONS: Readonly<Record<string, NextApply>> = {
  create: 'creates it',
  replace: 'replaces it',
  update: 'updates it in place',
};
async function planned(): Promise<Readonly<Record<string, NextApply>>> {
  const { steps } = await terraformPlan(config, terraform);
  const names = [
    ...servicesOf(plan).map(({ container }) => container),
    ...configVolumesOf(plan),
    ...plan.hosts.flatMap((host) => dataVolumesOn(plan, host)),
    plan.init.container,
  ];
  const nameOf = (address: string) =>
    names.find((name) => address.includes(`_${name.replace('kit-drifting-', '')}_`)) ??
    names.find((name) => address.includes(`_${name}_`)) ??
    (address.includes('network_publish') ? networks.publish.name : address);
  return Object.fromEntries(
    steps
      .filter(({ address }) => !/readiness_ready|process-limit_pids/.test(address))
      .map(({ action, address }) => [nameOf(address), ACTIONS[action] ?? 'does not change it']),
  );
}
/** Terraform actions that the findings predict. Differences that Terraform ignores have no action. */
const claimed = (found: readonly DriftFinding[]): Readonly<Record<string, NextApply>> =>
  Object.fromEntries(
    found
      .filter(({ nextApply }) => nextApply !== 'does not change it' && nextApply !== 'rewrites it')
      .map(({ what, nextApply }) => [what, nextApply]),
  );
const kindsOf = (found: readonly DriftFinding[]) => found.map(({ what, kind }) => `${what}: ${kind}`);

describeOnEngine('drift', () => {
  beforeAll(async () => {
    await deploy(config, terraform);
  });
  afterEach(() => vi.unstubAllEnvs());
  afterAll(async () => {
    await dockerSubstrate({ stateDir: state.path }).destroy(config.name);
    state[Symbol.dispose]();
  });

  const { container } = exporter;
  const data = networks.data.name;
  const limit = (memory: string) => ['update', '--memory', memory, '--memory-swap', memory, container];
  const stray = ['kit-drifting-stray', ...deployLabels(config, state.path), '--entrypoint', 'true'];

  /**
   * A kind of damage with the commands that cause it and the commands that undo it: the finding's remedy or, if the next
   * apply would undo the damage, a manual repair.
   */
  type Damage = readonly [kind: string, what: string, damage: string[], repair: string[]];
  /** Damages in the order of their findings. Those in one row exist at the same time, so one check and one plan suffice. */
  const DAMAGES: Readonly<Record<string, readonly Damage[]>> = {
    'paused, disconnected, changed in their limits, or not in the plan': [
      ['paused', node.container, ['pause', node.container], ['unpause', node.container]],
      [
        'disconnected',
        container,
        ['network', 'disconnect', data, container],
        ['network', 'connect', '--ip', exporter.address.host, data, container],
      ],
      ['memory', container, limit('300m'), limit(`${exporter.memoryMb}m`)],
      [
        'restart',
        container,
        ['update', '--restart', 'no', container],
        ['update', '--restart', 'unless-stopped', container],
      ],
      [
        'process-limit',
        container,
        ['update', '--pids-limit', '100', container],
        ['update', '--pids-limit', '256', container],
      ],
      [
        'container-too-many',
        'kit-drifting-stray',
        ['create', '--name', ...stray, 'IMAGE'],
        ['rm', '--force', 'kit-drifting-stray'],
      ],
    ],
    stopped: [
      ['stopped', node.container, ['stop', '--time', '1', node.container], ['start', node.container]],
    ],
  };

  it.each(Object.entries(DAMAGES))('drift reports the parts that are %s', async (_, damages) => {
    try {
      for (const [, , damage] of damages)
        await docker(damage.map((arg) => (arg === 'IMAGE' ? image() : arg)));
      const started = performance.now();
      const found = await drift();
      // It does not wait for a paused or stopped part.
      expect(performance.now() - started).toBeLessThan(30_000);
      expect(kindsOf(found)).toEqual(damages.map(([kind, what]) => `${what}: ${kind}`));
      expect(await planned()).toEqual(claimed(found));
      // Neither the first check nor the Terraform plan changed anything.
      expect(await drift()).toEqual(found);
    } finally {
      for (const [, , , repair] of damages)
        await docker(repair).catch((error: Error) => expect.soft(error.message, 'the repair').toBe(''));
    }
    await noDrift();
  });

  it('drift reports a configuration file that was changed on its volume', async () => {
    await runInVolume(exporter.configVolume, image(), 'echo "# by hand" >> /v/exporter.sh');
    const found = await drift();
    expect(kindsOf(found)).toEqual([`${exporter.configVolume}: configuration-file`]);
    expect(found[0]?.found).toContain('exporter.sh');
    expect(await planned()).toEqual({});
    await runInVolume(exporter.configVolume, image(), 'sed -i "$ d" /v/exporter.sh');
    await noDrift();
  });

  it('drift reports the containers to be replaced because of a changed password or setting, and recommends nothing', async () => {
    vi.stubEnv('KIT_REDIS_APP_PASSWORD', 'another-password-of-today');
    const found = await drift();
    expect(kindsOf(found).sort()).toEqual(
      [
        `${node.container}: configuration`,
        `${plan.commander.container}: configuration`,
        `${plan.init.container}: configuration`,
        `${node.configVolume}: configuration-file`,
        `${plan.commander.configVolume}: configuration-file`,
      ].sort(),
    );
    expect(await planned()).toEqual(claimed(found));
    for (const { kind, nextApply, remedy } of found) {
      expect(nextApply).toBe(kind === 'configuration-file' ? 'rewrites it' : 'replaces it');
      expect(remedy).toBe('');
    }
    // A difference that Terraform does not detect disappears when Terraform replaces the container.
    await docker(['update', '--pids-limit', '100', node.container]);
    const limited = (await drift()).filter(({ kind }) => kind === 'process-limit');
    expect(limited).toEqual([expect.objectContaining({ nextApply: 'replaces it', remedy: '' })]);
    await docker(['update', '--pids-limit', '256', node.container]);
    vi.unstubAllEnvs();
    await noDrift();
  });

  /** Changes of a container that only its replacement undoes, in the order of their findings. */
  const CHANGES: Readonly<Record<string, Parameters<typeof recreateContainer>[3]>> = {
    image: (body) => Object.assign(body, { Image: image(), Cmd: ['600'], Entrypoint: ['sleep'] }),
    memory: ({ HostConfig }) => Object.assign(HostConfig, { Memory: 2 ** 27, MemorySwap: 2 ** 27 }),
    port: ({ HostConfig }) =>
      Object.assign(HostConfig, {
        PortBindings: { '9121/tcp': [{ HostIp: '127.0.0.1', HostPort: '27829' }] },
      }),
    label: ({ Labels }) => Object.assign(Labels, { [LABEL.node]: 'another' }),
    environment: ({ Env }) => Env.push('EXTRA=1'),
    'health-check': ({ Healthcheck }) => Object.assign(Healthcheck, { Test: ['CMD', 'true'] }),
  };

  it('drift reports all differences in a recreated container, and that the next apply will fail', async () => {
    const facts = (await inspectContainers([container])).get(container) as ContainerFacts;
    await recreateContainer(exporter, networks, facts, (body) => {
      for (const change of Object.values(CHANGES)) change(body);
    });
    const found = await drift();
    const kinds = ['made-by-hand', ...Object.keys(CHANGES)];
    expect(kindsOf(found)).toEqual(kinds.map((kind) => `${container}: ${kind}`));
    for (const { nextApply } of found) expect(nextApply).toBe('fails: the name is in use');
    expect(await drift()).toEqual(found);
    await expect(deploy(config, terraform)).rejects.toMatchObject({ code: 'CONTAINER_EXISTS' });
    await docker(['rm', '--force', container]);
    const removed = await drift();
    expect(kindsOf(removed)).toEqual([`${container}: container-missing`]);
    expect(await planned()).toEqual(claimed(removed));
    await deploy(config, terraform);
    await noDrift();
  });

  it('drift reports a lost volume and a lost network, and how to restore both', async () => {
    await docker(['rm', '--force', container, plan.init.container]);
    await docker(['volume', 'rm', exporter.configVolume]);
    const others = [node, plan.commander].map((service) => service.container);
    for (const other of others)
      await docker(['network', 'disconnect', '--force', networks.publish.name, other]);
    await docker(['network', 'rm', networks.publish.name]);
    const found = await drift();
    expect(kindsOf(found)).toEqual([
      `${networks.publish.name}: network-missing`,
      `${exporter.configVolume}: volume-missing`,
      ...others.slice(0, 1).map((other) => `${other}: disconnected`),
      `${container}: container-missing`,
      ...others.slice(1).map((other) => `${other}: disconnected`),
      `${plan.init.container}: container-missing`,
    ]);
    expect(await planned()).toEqual(claimed(found));
    await deploy(config, terraform);
    // Terraform does not reconnect other containers to the new network, so the findings list them.
    for (const { remedy } of found.filter(({ kind }) => kind === 'disconnected')) {
      expect(remedy).toMatch(/^deploy, then docker /);
      await docker(remedy.replace('deploy, then docker ', '').split(' '));
    }
    await noDrift();
  });
});
