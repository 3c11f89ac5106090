/** Faults of servers, one at a time: the right criterion fails in the run, and its remedy names the cause. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../infra/substrates/environment.ts';
import { serverFaults } from './catalogue.ts';
import { expectCaught, expectGo } from './expected.ts';
import type { GroupName } from './fault.ts';
import { PlantedEnvironment } from './planted-environment.ts';
import { buildRow } from './table-reporter.ts';

const live = serverFaults.filter((fault) => fault.kind === 'live');
const rendered = serverFaults.filter((fault) => fault.kind === 'rendered');

it('the catalogue has at least 25 faults of servers', () => {
  expect(serverFaults.length).toBeGreaterThanOrEqual(25);
});

describe.each(['sentinels', 'encrypted', 'cluster'] satisfies readonly GroupName[])(
  'a fault in running servers (%s)',
  (group) => {
    const planted = new PlantedEnvironment(group);
    let environment: Environment;
    beforeAll(async () => {
      environment = await planted.start();
    });
    afterAll(() => planted[Symbol.asyncDispose]());

    it.for(live.filter((fault) => fault.group === group))('is caught: $id', async (fault, { task }) => {
      const heal = await fault.plant(environment);
      const report = await planted.runDrills(fault.drills).finally(heal);
      await planted.awaitHealthy();
      task.meta.planted = buildRow('server', fault, expectCaught(report, fault));
    });

    it('is the only cause: without it the same run is a GO', async () => {
      expectGo(await planted.runDrills(['configuration']));
    });
  },
);

describe('a fault in rendered files', () => {
  it.for(rendered)('is caught: $id', async (fault, { task }) => {
    await using planted = new PlantedEnvironment('sentinels', fault.settings);
    task.meta.planted = buildRow('server', fault, expectCaught(await planted.runDrills(fault.drills), fault));
  });
});
