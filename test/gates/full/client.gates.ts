/** Faults of the client under the drills of profile full, one at a time: the right criterion fails, and its remedy names the cause. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { PlantedClient } from '../../../harness/run/planted-client.ts';
import { clientFaultsOf, clientModuleUrl, serverFaultsOf } from '../catalogue.ts';
import { expectCaught } from '../expected.ts';
import { PlantedEnvironment } from '../planted-environment.ts';
import { buildRow } from '../table-reporter.ts';

const faults = await clientFaultsOf('full');
const environment = new PlantedEnvironment('sentinels');
beforeAll(async () => void (await environment.start()));
afterAll(() => environment[Symbol.asyncDispose]());

it('every gate that judges one of these drills has a planted fault', async () => {
  const all = [...faults, ...(await serverFaultsOf('full'))];
  const drills = new Set(all.flatMap((fault) => fault.drills));
  const judging = loadGates().gates.filter(({ workload }) => workload.some((drill) => drills.has(drill)));
  expect([...new Set(all.map(({ criterion }) => criterion))].sort()).toEqual(
    judging.map(({ id }) => id).sort(),
  );
});

it.for(faults)('a fault of the client is caught: $id', async (fault, { task }) => {
  const planted = new PlantedClient(clientModuleUrl('full', fault.id));
  const report = await environment.runDrills(fault.drills, planted).finally(() => environment.awaitHealthy());
  expect(report.run.deviations.join()).toContain(`full/faults/client/${fault.id}.ts`);
  task.meta.planted = buildRow('client', fault, expectCaught(report, fault));
});
