/** Client faults that are detected by integration drills. */
import { expect, it } from 'vitest';
import { clientFaults } from './catalogue.ts';
import { integrationFaults, testClientFaults } from './client-suite.ts';

it('the catalogue contains at least 25 client faults', () => {
  expect(clientFaults.length).toBeGreaterThanOrEqual(25);
});

const environment = testClientFaults(integrationFaults);

it('the kit’s own client passes the same criteria without a fault', async () => {
  const report = await environment.runDrills([...new Set(integrationFaults.flatMap(({ drills }) => drills))]);
  const asked = new Set(integrationFaults.map(({ criterion }) => criterion));
  const states = report.verdict.criteria.filter(({ id }) => asked.has(id));
  const wrong = states.filter(({ state }) => state === 'FAIL' || state === 'NOT_MEASURED');
  expect(wrong.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([]);
  expect(states).toHaveLength(asked.size);
});
