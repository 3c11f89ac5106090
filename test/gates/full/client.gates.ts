/**
 * Client faults under the drills of the full profile, and a check that every gate for these drills has a planted fault.
 */
import { expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { clientFaultsOf, serverFaultsOf } from '../catalogue.ts';
import { testClientFaults } from '../client-suite.ts';

const faults = await clientFaultsOf('full');

it('every gate that judges a drill of the full profile has a planted fault', async () => {
  const all = [...faults, ...(await serverFaultsOf('full'))];
  const drills = new Set(all.flatMap((fault) => fault.drills));
  const judging = loadGates().gates.filter(({ workload }) => workload.some((drill) => drills.has(drill)));
  expect([...new Set(all.map(({ criterion }) => criterion))].sort()).toEqual(
    judging.map(({ id }) => id).sort(),
  );
});

testClientFaults(faults, 'full');
