import { failoverDrill } from './families.ts';

/** Replies are lost twice, with as many operations in flight as the client sends before it detects the loss. */
export const repliesLost = failoverDrill({
  id: 'replies-lost',
  title: 'Requests arrive, replies are dropped',
  source: 'drills: replies-lost',
  safeOutcome: 'the outcome is reported as unknown, no write is applied twice, and no failover happens',
  needs: [],
  proxied: true,
  parameters: { incrsPerSecond: 60, appendsPerSecond: 60, afterHealMs: 500 },
  faults: [800, 3_000].map((atMs) => ({
    fault: 'drop-replies',
    target: 'master' as const,
    atMs,
    heal: { afterMs: 1_200 },
  })),
});
