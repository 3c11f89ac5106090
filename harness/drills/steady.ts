import { loadDrill } from './families.ts';

export const steady = loadDrill({
  id: 'steady',
  title: 'Steady open-loop load, YCSB B',
  source: 'mission C4: get < 5 ms, set < 10 ms, availability 99.9 % without a fault',
  safeOutcome: 'every operation is answered with the right value, and no key is evicted',
  workload: {
    name: 'steady',
    parameters: {
      getManysPerSecond: 0,
      setManysPerSecond: 0,
      'full.durationMs': 60_000,
      'external.warmSetsPerSecond': 500,
    },
  },
  operations: ['get', 'set', 'getOrCompute'],
  external: {},
  checkers: ['latency', 'availability', 'hit-ratio', 'generator', 'liveness', 'expiries', 'memory'],
  boundMs: 120_000,
  trials: { quick: 1, full: 3 },
});
