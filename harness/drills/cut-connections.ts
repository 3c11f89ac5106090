import { fullOnlyFailover } from './families.ts';

/** Connections are cut twenty times, with pauses in which the client must reconnect. */
export const cutConnections = fullOnlyFailover({
  id: 'cut-connections',
  title: 'The server closes all connections of the application, 20 times',
  source: 'drills: cut-connections; redis/ioredis#651',
  safeOutcome:
    'writes are interrupted for less than 100 ms; no failover happens, and no write is lost or applied twice',
  needs: [],
  neededFailovers: 0,
  parameters: { incrsPerSecond: 60, appendsPerSecond: 60, afterHealMs: 500 },
  faults: Array.from({ length: 20 }, (_, i) => ({
    fault: 'cut-connections',
    target: 'master' as const,
    atMs: 1_000 + i * 250,
    heal: { afterMs: 0 },
  })),
});
