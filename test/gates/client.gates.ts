/** Faults of the client, one at a time: the right criterion fails in the run, and its remedy names the cause. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drills } from '../../harness/drills/index.ts';
import { PlantedClient } from '../../harness/run/planted-client.ts';
import { clientFaults, moduleUrl } from './catalogue.ts';
import { expectCaught } from './expected.ts';
import { PlantedEnvironment } from './planted-environment.ts';
import { buildRow } from './table-reporter.ts';

const environment = new PlantedEnvironment('sentinels');
beforeAll(async () => void (await environment.start()));
afterAll(() => environment[Symbol.asyncDispose]());

it('the catalogue has at least 25 faults of the client', () => {
  expect(clientFaults.length).toBeGreaterThanOrEqual(25);
});

it.for(clientFaults)('a fault of the client is caught: $id', async (fault, { task }) => {
  const planted = new PlantedClient(moduleUrl('client', fault.id));
  const report = await environment.runDrills(fault.drills, planted).finally(() => environment.awaitHealthy());
  expect(report.run.deviations.join()).toContain(`faults/client/${fault.id}.ts`);
  task.meta.planted = buildRow('client', fault, expectCaught(report, fault));
});

/** Load and failover drills of the kit's own client are part of every readiness run. */
const SCRIPTED = new Set(drills.filter(({ family }) => family === 'integration').map(({ id }) => id));
const short = clientFaults.filter(({ drills }) => drills.every((id) => SCRIPTED.has(id)));

it('the kit’s own client passes the same criteria without a fault', async () => {
  const report = await environment.runDrills([...new Set(short.flatMap(({ drills }) => drills))]);
  const asked = new Set(short.map(({ criterion }) => criterion));
  const states = report.verdict.criteria.filter(({ id }) => asked.has(id));
  const wrong = states.filter(({ state }) => state === 'FAIL' || state === 'NOT_MEASURED');
  expect(wrong.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([]);
  expect(states).toHaveLength(asked.size);
});
