/**
 * Environments on the engine whose recorded master has less data than a replica, and a previous master with damaged
 * data. `test/infra/substrates/local/recover.test.ts` has the same cases with local processes.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker } from '../../../../../infra/substrates/docker/engine.ts';
import { waitUntil } from '../../../../support/redis-process.ts';
import { describeOnEngine } from '../fixtures.ts';
import { DAMAGE, INCR, RecoverableEnvironment } from '../recoverable-environment.ts';

describeOnEngine('an environment on the engine with less data on the named master', () => {
  const down = new RecoverableEnvironment('damaged', 30_000);
  beforeAll(() => down.start());
  afterAll(async () => expect(await down.end()).toEqual([]));

  it('recovery loses no key that WAIT acknowledged if redis-check-aof truncated the file of the named master', async () => {
    const master = await down.killAll();
    // Overwrites a command in the middle of the file; redis-check-aof then truncates the file at that point.
    await down.onData(master, `f=$(echo ${INCR}); ${DAMAGE}; echo y | redis-check-aof --fix $f >/dev/null`);
    const [inspection] = (await down.substrate.inspectData?.(down.topology)) ?? [];
    expect(inspection).toMatchObject({ named: master, choice: { kind: 'start' } });
    const lines = await down.up();
    expect(lines.join('\n')).toMatch(
      new RegExp(`starting from the data of redis-\\d: the last known master is ${master}; .* has more`),
    );
    expect(await down.environment.masterId()).not.toBe(master);
    await down.allHaveEveryKey();
  });

  it('a previous master with damaged data returns as a replica without intervention', async () => {
    await down.write();
    const { environment } = down;
    const master = String(await environment.masterId());
    const { container } = down.nodeOf(master);
    await docker(['kill', container]);
    await waitUntil(
      'a failover',
      async () => ![undefined, master].includes(await environment.masterId()),
      90_000,
    );
    await down.onData(master, `for f in ${INCR}; do ${DAMAGE}; done`);
    // The engine restarts the container each time its server exits.
    await docker(['start', container]);
    const isReachable = () =>
      environment.admin(master).then(
        () => true,
        () => false,
      );
    await waitUntil(`${master} to answer`, isReachable);
    await down.allHaveEveryKey();
    expect(await docker(['logs', container])).toContain('set-aside.damaged');
  });
});
