import { loadDrill } from './families.ts';

export const realistic50 = loadDrill({
  id: 'realistic-50',
  title: 'Realistic benchmark: 50 vector searches, without and with the cache',
  source: 'requirements document 001, realistic benchmark',
  safeOutcome: 'every query is answered with the right value',
  workload: { name: 'realistic-50', parameters: {} },
  operations: ['getOrCompute'],
  external: {},
  checkers: ['benchmark', 'hit-ratio', 'generator', 'liveness', 'expiries'],
  trials: { quick: 1, full: 3 },
});
