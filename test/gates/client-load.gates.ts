/**
 * Client faults that are detected by drills with load or a failover. Without a fault, every readiness run passes these
 * drills.
 */
import { expect, it } from 'vitest';
import { loadFaults, testClientFaults } from './client-suite.ts';

it('the catalogue contains client faults that only load or a failover reveals', () => {
  expect(loadFaults.length).toBeGreaterThan(0);
});

testClientFaults(loadFaults);
