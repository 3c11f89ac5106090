import { loadDrill } from './families.ts';

export const zipf100 = loadDrill({
  id: 'zipf-100',
  title: 'Load test: 100 queries, Zipf over a catalogue of 5',
  source: 'requirements document 001, load test',
  safeOutcome: 'every query is answered with the right value',
  workload: { name: 'zipf-100', parameters: {} },
  operations: ['getOrCompute'],
  external: {},
  checkers: ['benchmark', 'hit-ratio', 'generator', 'liveness', 'expiries'],
  trials: { quick: 1, full: 3 },
});
