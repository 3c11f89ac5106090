import { integrationDrill } from './families.ts';

const CALLERS = ['plain', 'tiered', 'process'];
const READS = [
  ...['get', 'getEntry', 'lookup', 'getWithTtl', 'getMany', 'lookupMany', 'getOrCompute', 'getOrComputeMany'],
];

export const coherence = integrationDrill({
  id: 'coherence',
  title: 'Overwritten, deleted and invalidated keys, read through every tier and another process',
  source: 'client/README.md, Coherence; 004 §2 Silent cache corruption',
  safeOutcome: 'no cache serves an old value beyond the bound of its first tier',
  expectations: [
    ...CALLERS.map((caller) => `first/${caller}`),
    ...CALLERS.flatMap((caller) => READS.map((operation) => `overwritten/${caller}-${operation}`)),
    ...CALLERS.map((caller) => `reconnected/${caller}`),
    ...['deleted', 'invalidated'].flatMap((what) => CALLERS.map((caller) => `${what}/${caller}`)),
  ],
});
