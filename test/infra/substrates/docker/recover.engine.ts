/**
 * Environments on the engine with all nodes down. The recorded master has lost its data, has less data than a replica,
 * or has damaged data.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { docker, inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { partsOf } from '../../../../infra/substrates/docker/ownership.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';
import { runInVolume } from './manual-changes.ts';

const KEYS = 300;
const state = engineStateDir();
const base = configuration('recovered', {}, 28_500);
const config = environmentSchema.parse({
  ...base,
  topology: { ...base.topology, replicas: 2 },
  redis: { ...base.redis, appendfsync: 'always' },
});
const topology = planTopology(config);
const plan = planDocker(topology);
const substrate = dockerSubstrate({ stateDir: state.path });
const containers = plan.nodes.map(({ container }) => container);
let environment: Environment;
let image: string;
let written = 0;

const nodeOf = (id: string) => plan.nodes.find((node) => node.id === id) as (typeof plan.nodes)[number];

/** Writes keys that every replica acknowledges. */
async function write(): Promise<void> {
  const master = await environment.admin((await environment.masterId()) as string);
  for (let i = 0; i < KEYS; i += 1) await master.set(`key:${written + i}`, `value ${i}`);
  await replicated(master, 2);
  written += KEYS;
}

/**
 * Kills all nodes without an orderly shutdown; the engine does not restart them. Sentinels are killed first, so there
 * is no failover. Containers are killed one after the other, because several containers that leave a network at once
 * can deadlock Docker 20.10.
 *
 * @returns the previous master
 */
async function killAll(): Promise<string> {
  const master = (await environment.masterId()) as string;
  await environment[Symbol.asyncDispose]();
  for (const container of containers.toReversed()) await docker(['kill', container]);
  return master;
}

async function up(recoverFrom?: string): Promise<readonly string[]> {
  const lines: string[] = [];
  environment = await substrate.apply(topology, {
    ephemeral: false,
    progress: (line) => lines.push(line),
    ...(recoverFrom === undefined ? {} : { recoverFrom }),
  });
  return lines;
}

async function allHave(keys: number): Promise<void> {
  for (const { id } of topology.redis)
    await waitUntil(
      `${keys} keys on ${id}`,
      async () => (await (await environment.admin(id)).dbsize()) === keys,
    );
}

const onData = (id: string, script: string) => runInVolume(nodeOf(id).dataVolume, image, script);
const INCR = '/v/appendonlydir/*.incr.aof';
/**
 * Overwrites the header of at least one of the last commands. Damage to a value, such as the text of the functions,
 * might not be detected, because a value may contain anything.
 */
const DAMAGE = 'n=$(($(wc -c <$f) - 600)); printf %080d 0 | dd of=$f bs=1 seek=$n conv=notrunc 2>/dev/null';

describeOnEngine('an environment on the engine that was down', () => {
  beforeAll(async () => {
    await up();
    image = (await inspectContainers(containers)).get(containers[0] as string)?.Config.Image as string;
    await write();
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    await substrate.destroy(config.name);
    expect(await partsOf(config.name)).toEqual([]);
    state[Symbol.dispose]();
  });

  it('recovery loses no key that WAIT acknowledged if redis-check-aof truncated the file of the named master', async () => {
    const master = await killAll();
    // Overwrites a command in the middle of the file; redis-check-aof then truncates the file at that point.
    await onData(master, `f=$(echo ${INCR}); ${DAMAGE}; echo y | redis-check-aof --fix $f >/dev/null`);
    const [inspection] = (await substrate.inspectData?.(topology)) ?? [];
    expect(inspection).toMatchObject({ named: master, choice: { kind: 'start' } });
    const lines = await up();
    expect(lines.join('\n')).toMatch(
      new RegExp(`starting from the data of redis-\\d: the last known master is ${master}; .* has more`),
    );
    expect(await environment.masterId()).not.toBe(master);
    await allHave(written);
  });

  it('recovery starts from a replica if the named master has lost its volume', async () => {
    await write();
    const master = await killAll();
    await docker(['rm', nodeOf(master).container]);
    await docker(['volume', 'rm', nodeOf(master).dataVolume]);
    const lines = await up();
    expect(lines.join('\n')).toContain(`the last known master is ${master}; ${master} has no data`);
    expect(await environment.masterId()).not.toBe(master);
    await allHave(written);
    expect((await substrate.plan(topology)).map(({ action }) => action)).toEqual(Array(6).fill('keep'));
  });

  it('recovery moves damaged data of the named master aside, and starts from a replica', async () => {
    await write();
    const master = await killAll();
    await onData(master, `for f in ${INCR}; do ${DAMAGE}; done`);
    const lines = await up();
    expect(lines.join('\n')).toMatch(new RegExp(`the data of ${master} is kept as set-aside\\.`));
    await allHave(written);
  });

  it('recovery starts no node if no data is usable, and starts from usable data on a node that the user names', async () => {
    await write();
    await killAll();
    for (const { id } of topology.redis)
      await onData(id, `cp -a /v/appendonlydir /v/good; for f in ${INCR}; do ${DAMAGE}; done`);
    await expect(up()).rejects.toMatchObject({ code: 'DATA_DAMAGED', exitCode: 3 });
    const states = [...(await inspectContainers(containers)).values()].map(({ State }) => State.Status);
    expect(new Set(states)).toEqual(new Set(['exited']));
    await onData('redis-2', 'rm -r /v/appendonlydir; mv /v/good /v/appendonlydir');
    await up('redis-2');
    expect(await environment.masterId()).toBe('redis-2');
    await allHave(written);
    await expect(substrate.inspectData?.(topology)).rejects.toMatchObject({ code: 'RECOVERY_REFUSED' });
    await expect(up('redis-3')).rejects.toMatchObject({ code: 'RECOVERY_REFUSED' });
  });

  it('a previous master with damaged data returns as a replica without intervention', async () => {
    await write();
    const master = (await environment.masterId()) as string;
    await docker(['kill', nodeOf(master).container]);
    await waitUntil(
      'a failover',
      async () => ![undefined, master].includes(await environment.masterId()),
      90_000,
    );
    await onData(master, `for f in ${INCR}; do ${DAMAGE}; done`);
    // The engine restarts the container each time its server exits.
    await docker(['start', nodeOf(master).container]);
    await waitUntil(
      `${master} to answer`,
      () =>
        environment.admin(master).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await allHave(written);
    expect(await docker(['logs', nodeOf(master).container])).toContain('set-aside.damaged');
  });
});
