/** Faults of servers, one at a time: the right criterion fails in the run, and its remedy names the cause. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../infra/substrates/environment.ts';
import { serverFaults } from './catalogue.ts';
import { expectCaught, expectGo } from './expected.ts';
import type { GroupName } from './fault.ts';
import { Rig } from './planted-environment.ts';
import { rowOf } from './table-reporter.ts';

const live = serverFaults.filter((fault) => fault.kind === 'live');
const rendered = serverFaults.filter((fault) => fault.kind === 'rendered');

it('has at least 25 faults of servers', () => {
  expect(serverFaults.length).toBeGreaterThanOrEqual(25);
});

describe.each(['sentinels', 'encrypted', 'cluster'] satisfies readonly GroupName[])(
  'a fault in running servers (%s)',
  (group) => {
    const rig = new Rig(group);
    let environment: Environment;
    beforeAll(async () => {
      environment = await rig.start();
    });
    afterAll(() => rig[Symbol.asyncDispose]());

    it.for(live.filter((fault) => fault.group === group))('is caught: $id', async (fault, { task }) => {
      const heal = await fault.plant(environment);
      const report = await rig.judge(fault.drills).finally(heal);
      await rig.awaitWhole();
      task.meta.planted = rowOf('server', fault, expectCaught(report, fault));
    });

    it('is the only reason: without one the same run is a GO', async () => {
      expectGo(await rig.judge(['configuration']));
    });
  },
);

describe('a fault in rendered files', () => {
  it.for(rendered)('is caught: $id', async (fault, { task }) => {
    await using rig = new Rig('sentinels', fault.settings);
    task.meta.planted = rowOf('server', fault, expectCaught(await rig.judge(fault.drills), fault));
  });
});
