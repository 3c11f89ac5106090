/** Server faults, one at a time. The run must fail the expected criterion, and its remedy must name the cause. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../infra/substrates/environment.ts';
import { serverFaults } from './catalogue.ts';
import { expectCaught, expectGo } from './expected.ts';
import type { GroupName } from './fault.ts';
import { PlantedEnvironment } from './planted-environment.ts';
import { buildRow } from './table-reporter.ts';

const live = serverFaults.filter((fault) => fault.kind === 'live');
const rendered = serverFaults.filter((fault) => fault.kind === 'rendered');

it('the catalogue contains at least 25 server faults', () => {
  expect(serverFaults.length).toBeGreaterThanOrEqual(25);
});

describe.each(['sentinels', 'encrypted', 'cluster'] satisfies readonly GroupName[])(
  'a fault in running servers (%s)',
  (group) => {
    // A stall of the machine must not cause a failover, which would change the node that a fault targets.
    const settings = group === 'sentinels' ? { 'sentinel.downAfterMs': 5_000 } : {};
    const planted = new PlantedEnvironment(group, settings);
    let environment: Environment;
    beforeAll(async () => {
      environment = await planted.start();
    });
    afterAll(() => planted[Symbol.asyncDispose]());

    it.for(live.filter((fault) => fault.group === group))('is detected: $id', async (fault, { task }) => {
      const heal = await fault.plant(environment);
      const report = await planted.runDrills(fault.drills).finally(heal);
      await planted.awaitHealthy();
      task.meta.planted = buildRow('server', fault, expectCaught(report, fault));
    });

    it('is the only cause of a failure: without a fault the same run is a GO', async () => {
      expectGo(await planted.runDrills(['configuration']));
    });
  },
);

describe('a fault in rendered files', () => {
  it.for(rendered)('is detected: $id', async (fault, { task }) => {
    await using planted = new PlantedEnvironment('sentinels', fault.settings);
    task.meta.planted = buildRow('server', fault, expectCaught(await planted.runDrills(fault.drills), fault));
  });
});
