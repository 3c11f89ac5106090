/** Faults of the client, one at a time: the right criterion fails in the run, and its remedy names the cause. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drills } from '../../harness/drills/index.ts';
import { PlantedClient } from '../../harness/run/planted-client.ts';
import { clientFaults, moduleOf } from './catalogue.ts';
import { expectCaught } from './expected.ts';
import { Rig } from './planted-environment.ts';
import { rowOf } from './table-reporter.ts';

const rig = new Rig('sentinels');
beforeAll(async () => void (await rig.start()));
afterAll(() => rig[Symbol.asyncDispose]());

it('has at least 25 faults of the client', () => {
  expect(clientFaults.length).toBeGreaterThanOrEqual(25);
});

it.for(clientFaults)('is caught: $id', async (fault, { task }) => {
  const planted = new PlantedClient(moduleOf('client', fault.id));
  const report = await rig.judge(fault.drills, planted).finally(() => rig.awaitWhole());
  expect(report.run.departures.join()).toContain(`faults/client/${fault.id}.ts`);
  task.meta.planted = rowOf('client', fault, expectCaught(report, fault));
});

/** Load and failover drills of the kit's own client are part of every readiness run. */
const SCRIPTED = new Set(drills.filter(({ family }) => family === 'integration').map(({ id }) => id));
const short = clientFaults.filter(({ drills }) => drills.every((id) => SCRIPTED.has(id)));

it('is the only reason: the kit’s own client passes the same criteria', async () => {
  const report = await rig.judge([...new Set(short.flatMap(({ drills }) => drills))]);
  const asked = new Set(short.map(({ criterion }) => criterion));
  const states = report.verdict.criteria.filter(({ id }) => asked.has(id));
  const wrong = states.filter(({ state }) => state === 'FAIL' || state === 'NOT_MEASURED');
  expect(wrong.map(({ id, because }) => `${id}: ${because}`)).toEqual([]);
  expect(states).toHaveLength(asked.size);
});
