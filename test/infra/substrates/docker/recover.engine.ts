/**
 * Environments on the engine with all nodes down. The recorded master has lost its data, or has damaged data.
 * `full/recover.engine.ts` has the cases in which it has less data than a replica, or returns after a failover.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker, inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { describeOnEngine } from './fixtures.ts';
import { DAMAGE, INCR, RecoverableEnvironment } from './recoverable-environment.ts';

describeOnEngine('an environment on the engine that was down', () => {
  const down = new RecoverableEnvironment('recovered', 28_500);
  beforeAll(() => down.start());
  afterAll(async () => expect(await down.end()).toEqual([]));

  it('recovery starts from a replica if the named master has lost its volume', async () => {
    const master = await down.killAll();
    await docker(['rm', down.nodeOf(master).container]);
    await docker(['volume', 'rm', down.nodeOf(master).dataVolume]);
    const lines = await down.up();
    expect(lines.join('\n')).toContain(`the last known master is ${master}; ${master} has no data`);
    expect(await down.environment.masterId()).not.toBe(master);
    await down.allHaveEveryKey();
    expect((await down.substrate.plan(down.topology)).map(({ action }) => action)).toEqual(
      Array(6).fill('keep'),
    );
  });

  it('recovery moves damaged data of the named master aside, and starts from a replica', async () => {
    await down.write();
    const master = await down.killAll();
    await down.onData(master, `for f in ${INCR}; do ${DAMAGE}; done`);
    const lines = await down.up();
    expect(lines.join('\n')).toMatch(new RegExp(`the data of ${master} is kept as set-aside\\.`));
    await down.allHaveEveryKey();
  });

  it('recovery starts no node if no data is usable, and starts from usable data on a node that the user names', async () => {
    await down.write();
    await down.killAll();
    for (const { id } of down.topology.redis)
      await down.onData(id, `cp -a /v/appendonlydir /v/good; for f in ${INCR}; do ${DAMAGE}; done`);
    await expect(down.up()).rejects.toMatchObject({ code: 'DATA_DAMAGED', exitCode: 3 });
    const found = await inspectContainers(down.containers);
    expect(new Set([...found.values()].map(({ State }) => State.Status))).toEqual(new Set(['exited']));
    await down.onData('redis-2', 'rm -r /v/appendonlydir; mv /v/good /v/appendonlydir');
    await down.up('redis-2');
    expect(await down.environment.masterId()).toBe('redis-2');
    await down.allHaveEveryKey();
    await expect(down.substrate.inspectData?.(down.topology)).rejects.toMatchObject({
      code: 'RECOVERY_REFUSED',
    });
    await expect(down.up('redis-3')).rejects.toMatchObject({ code: 'RECOVERY_REFUSED' });
  });
});
