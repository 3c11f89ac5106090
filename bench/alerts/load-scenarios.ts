/** Faults that affect memory, connections, speed and the application, with the alerts that must fire. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { repeatUntilStopped, type Scenario } from './scenario.ts';

const VALUE = randomBytes(1_024).toString('latin1');
/**
 * Number of keys per batch (4 MB). Even with at most 5 batches per second, this causes more than 100 evictions per
 * second once the node is full. The replicas fall behind, which must not stop the writes, so `min-replicas-to-write` is
 * 0 during the load. `maxmemory` is 64 MB, because the backlog alone takes 16 MB.
 */
const BATCH = 4_000;
const PREFIX = 'kit:alerts:';
/** Script that keeps the server busy for a third of the time. */
const SLOW_SCRIPT =
  "local stop = redis.call('TIME')[1] + 0; for i = 1, 3000000 do stop = stop + i end; return 1";

async function setting(redis: Redis, name: string, value: string): Promise<() => Promise<void>> {
  const [, before = ''] = (await redis.config('GET', name)) as [string, string];
  await redis.config('SET', name, value);
  return async () => void (await redis.config('SET', name, before));
}

async function writeBatch(redis: Redis, from: number): Promise<void> {
  const pipeline = redis.pipeline();
  for (let i = 0; i < BATCH; i += 1) pipeline.set(`${PREFIX}${from + i}`, VALUE, 'EX', 120);
  await pipeline.exec();
  await sleep(200);
}

function fillContinuously(redis: Redis): () => Promise<void> {
  let from = 0;
  return repeatUntilStopped(async () => {
    from += BATCH;
    await writeBatch(redis, from);
  });
}

const clear = async (redis: Redis): Promise<void> => void (await redis.flushdb('SYNC'));

export const LOAD_SCENARIOS: readonly Scenario[] = [
  {
    alerts: ['RedisMemoryHigh', 'RedisEvictionsHigh'],
    fault: 'maxmemory 64mb, and continuous writes of 1 KB',
    inject: async (subject) => {
      const { redis } = await subject.master();
      const restores = [
        await setting(redis, 'maxmemory', '64mb'),
        await setting(redis, 'min-replicas-to-write', '0'),
      ];
      const stop = fillContinuously(redis);
      return async () => {
        await stop();
        await clear(redis);
        for (const restore of restores) await restore();
      };
    },
  },
  {
    alerts: ['RedisMemoryFull', 'CacheErrorsHigh'],
    fault: 'maxmemory 64mb with noeviction, filled, while an application writes',
    inject: async (subject) => {
      const { redis } = await subject.master();
      const restores = [
        await setting(redis, 'maxmemory', '64mb'),
        await setting(redis, 'maxmemory-policy', 'noeviction'),
      ];
      const stop = fillContinuously(redis);
      return async () => {
        await stop();
        await clear(redis);
        for (const restore of restores) await restore();
      };
    },
  },
  {
    alerts: ['RedisFragmentationHigh'],
    fault: '240 MB written in values of 256 bytes, 15 of 16 values deleted',
    inject: async (subject) => {
      const { redis } = await subject.master();
      const count = 600_000;
      const restore = await setting(redis, 'min-replicas-to-write', '0');
      for (let from = 0; from < count; from += 20_000) {
        const pipeline = redis.pipeline();
        for (let i = from; i < from + 20_000; i += 1) pipeline.set(`${PREFIX}${i}`, VALUE.slice(0, 200));
        await pipeline.exec();
      }
      for (let from = 0; from < count; from += 20_000) {
        const doomed = Array.from({ length: 20_000 }, (_, i) => from + i).filter((i) => i % 16 !== 0);
        await redis.unlink(...doomed.map((i) => `${PREFIX}${i}`));
      }
      return async () => {
        await clear(redis);
        await redis.memory('PURGE').catch(() => undefined);
        await restore();
      };
    },
  },
  {
    alerts: ['RedisHitRatioLow'],
    fault: 'reads of absent keys',
    inject: async (subject) => {
      const { redis } = await subject.master();
      return repeatUntilStopped(async () => {
        await redis.mget(...Array.from({ length: 10 }, (_, i) => `${PREFIX}absent:${i}`));
        await sleep(100);
      });
    },
  },
  {
    alerts: ['RedisLatencyHigh', 'CacheLatencyHigh'],
    fault: 'a script that keeps the master busy, repeatedly',
    inject: async (subject) => {
      const { redis } = await subject.master();
      return repeatUntilStopped(async () => {
        await redis.eval(SLOW_SCRIPT, 0);
        await sleep(20);
      });
    },
  },
  {
    alerts: ['RedisConnectionsHigh', 'RedisConnectionsRejected'],
    fault: 'maxclients lowered, bursts of connections above it',
    inject: async (subject) => {
      const { redis } = await subject.master();
      const clients = Number(/connected_clients:(\d+)/.exec(await redis.info('clients'))?.[1]);
      const limit = clients + 20;
      const restore = await setting(redis, 'maxclients', String(limit));
      const { host = '', port = 0 } = redis.options;
      const open = (count: number): Socket[] =>
        Array.from({ length: count }, () => connect(port, host).on('error', () => undefined));
      // The exporter must still find a free connection between the bursts.
      const held = open(16);
      const stop = repeatUntilStopped(async () => {
        const burst = open(30);
        await sleep(60);
        for (const socket of burst) socket.destroy();
        await sleep(440);
      });
      return async () => {
        await stop();
        for (const socket of held) socket.destroy();
        await restore();
      };
    },
  },
  {
    alerts: ['CanaryPaused'],
    fault: 'the application reports its canary as paused',
    inject: async ({ application }) => {
      application.canaryPaused = true;
      return async () => {
        application.canaryPaused = false;
      };
    },
  },
  {
    alerts: ['MetricsMissing'],
    fault: 'the metrics of the application are not served',
    inject: async ({ application: { server } }) => {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      return async () => {
        await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      };
    },
  },
];
