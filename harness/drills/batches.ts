import { loadDrill } from './families.ts';

/**
 * Separate from the steady load, because a batch of 100 keeps the client's thread busy for milliseconds, during which
 * other operations would have to wait.
 */
export const batches = loadDrill({
  id: 'batches',
  title: 'Batches of 100 keys, open loop',
  source: 'mission C4: batch of 100 < 50 ms',
  safeOutcome: 'every batch is answered completely',
  workload: {
    name: 'steady',
    parameters: {
      getsPerSecond: 0,
      setsPerSecond: 0,
      getOrComputesPerSecond: 0,
      getManysPerSecond: 10,
      setManysPerSecond: 10,
      warmUpMs: 1_000,
      durationMs: 3_000,
      'full.durationMs': 25_000,
      // A batch is written as 100 commands.
      'external.getManysPerSecond': 5,
      'external.setManysPerSecond': 5,
      'external.durationMs': 8_000,
      'external.full.durationMs': 50_000,
      'external.warmSetsPerSecond': 500,
    },
  },
  operations: ['getMany', 'setMany'],
  external: {},
  checkers: ['latency', 'availability', 'generator', 'liveness', 'expiries'],
  boundMs: 60_000,
  trials: { quick: 1, full: 3 },
});
