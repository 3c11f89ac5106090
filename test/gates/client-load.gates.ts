/** Faults of the client that drills with load or a failover detect. Every readiness run passes them without a fault. */
import { expect, it } from 'vitest';
import { loadFaults, testClientFaults } from './client-suite.ts';

it('the catalogue has faults that only load or a failover shows', () => {
  expect(loadFaults.length).toBeGreaterThan(0);
});

testClientFaults(loadFaults);
