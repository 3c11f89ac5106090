/**
 * The summed counts of several processes, with a failover in between, equal the requests that the processes recorded.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { CanaryTestingService, fixedFlags, loadCanary } from '../../canary/index.ts';
import { sentinelCache } from '../../client/index.ts';
import { startSentinelSet, waitUntil } from '../support/redis-process.ts';

const run = promisify(execFile);
const PROCESSES = 4;
const REQUESTS = 2_400;
/** A process takes 10 s, plus up to 10 s to flush its counts after the failover. */
const PROCESS_BOUND_MS = 150_000;

interface Recorded {
  readonly requests: number;
  readonly failures: number;
  readonly hits: number;
  readonly misses: number;
  readonly users: readonly string[];
  readonly affected: readonly string[];
}
type Printed = { readonly canary: Recorded; readonly control: Recorded; readonly commands: number };

it('the counts of 4 processes equal the recorded requests after the master crashes', async () => {
  await using set = await startSentinelSet({ downAfterMs: 1_000 });
  const sentinels = set.sentinels.map(({ address }) => address);
  const base = loadCanary();
  // The same settings as in `metrics-process.ts`, because different settings would change the rules.
  const config = {
    ...base,
    flag: 'counted',
    rollout: { ...base.rollout, stages: [25] },
    metrics: { ...base.metrics, flushMs: 50, minBatch: 20, maxDelayMs: 200 },
  };
  const cache = sentinelCache({ sentinels, db: 2, namespace: 'cache' });
  const flags = fixedFlags({ redisCache: true, patternCache: true });
  await using judge = await CanaryTestingService.open({ cache, config, flags });

  const list = sentinels.map(({ host, port }) => `${host}:${port}`).join(',');
  const file = join(import.meta.dirname, 'metrics-process.ts');
  const running = Array.from({ length: PROCESSES }, (_, seed) =>
    run(process.execPath, [file, list, String(REQUESTS), String(seed)], { timeout: PROCESS_BOUND_MS }),
  );
  let ended = 0;
  for (const one of running) void one.finally(() => ended++).catch(() => undefined);
  const reported = waitUntil(
    'the processes have reported requests',
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const { figures } = await judge.evaluate();
      return (figures?.control.requests ?? 0) > 200;
    },
    PROCESS_BOUND_MS,
  );
  reported.catch(() => undefined);
  // If a process fails early, the wait fails with the error from that process.
  await Promise.race([reported, Promise.all(running)]);
  expect(ended).toBeLessThan(PROCESSES);
  await set.redis[0].kill();
  const printed = (await Promise.all(running)).map(({ stdout }) => JSON.parse(stdout) as Printed);

  const figures = (await judge.evaluate()).figures;
  for (const arm of ['canary', 'control'] as const) {
    const all = printed.map((one) => one[arm]);
    const sum = (count: 'requests' | 'failures' | 'hits' | 'misses') =>
      all.reduce((total, one) => total + one[count], 0);
    const distinct = (which: 'users' | 'affected') => new Set(all.flatMap((one) => one[which])).size;
    expect(figures?.[arm]).toMatchObject({
      requests: sum('requests'),
      users: distinct('users'),
      affectedUsers: distinct('affected'),
    });
    expect(figures?.[arm].errorRatio).toBeCloseTo(sum('failures') / sum('requests'), 6);
    expect(figures?.[arm].hitRatio).toBeCloseTo(sum('hits') / (sum('hits') + sum('misses')), 5);
  }
  expect((figures?.canary.requests ?? 0) + (figures?.control.requests ?? 0)).toBe(PROCESSES * REQUESTS);
  await judge.close();
  await cache.close();
});
