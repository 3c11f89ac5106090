/**
 * Server faults during the drills of the full profile, one at a time. Each fault has its own servers, because the
 * drills change the master.
 */
import { expect, it } from 'vitest';
import { serverFaultsOf } from '../catalogue.ts';
import { expectCaught } from '../expected.ts';
import { PlantedEnvironment } from '../planted-environment.ts';
import { buildRow } from '../table-reporter.ts';

const faults = await serverFaultsOf('full');

it.for(faults)('a fault of servers is detected: $id', async (fault, { task }) => {
  await using planted = new PlantedEnvironment('sentinels', fault.kind === 'rendered' ? fault.settings : {});
  const heal = fault.kind === 'live' ? await fault.plant(await planted.start()) : async () => undefined;
  const report = await planted.runDrills(fault.drills).finally(heal);
  task.meta.planted = buildRow('server', fault, expectCaught(report, fault));
});

it('no criterion fails without a fault', async () => {
  await using planted = new PlantedEnvironment('sentinels');
  const report = await planted.runDrills([...new Set(faults.flatMap(({ drills }) => drills))]);
  const asked = new Set(faults.map(({ criterion }) => criterion));
  const failed = report.verdict.criteria.filter(({ id, state }) => asked.has(id) && state === 'FAIL');
  expect(failed.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([]);
});
