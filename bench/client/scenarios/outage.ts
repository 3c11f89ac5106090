/**
 * Redis killed or hung for two seconds under a constant rate of getOrCompute calls: answered calls, latency, and
 * recovery time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Cache, tieredCache } from '../../../client/index.ts';
import { quantile } from '../measure.ts';
import type { BenchRedis } from '../redis.ts';
import type { Goal, Scenario } from '../scenario.ts';
import { bounded } from '../scenario.ts';
import { openers } from '../subjects.ts';

const OUTAGE_MS = 2_000;
const EVERY_MS = 2;
const IN_TIME_MS = 100;
const KEYS = 50;
/** Time, in ms, after which the circuit breaker is open. */
const OPEN_AFTER_MS = 1_000;

interface Seen {
  readonly share: number;
  readonly times: readonly number[];
  readonly onceOpenP99Ms: number;
}

/** Sends one call every 2 ms, in an open loop. */
async function during(
  redis: BenchRedis,
  way: 'killed' | 'hung',
  call: (key: string) => Promise<unknown>,
): Promise<Seen> {
  const calls: { readonly at: number; ms: number }[] = [];
  const answers: Promise<unknown>[] = [];
  if (way === 'killed') await redis.kill();
  else redis.pause();
  const began = performance.now();
  while (performance.now() - began < OUTAGE_MS) {
    const asked = { at: performance.now() - began, ms: Number.POSITIVE_INFINITY };
    calls.push(asked);
    answers.push(
      call(`k${calls.length % KEYS}`).then(
        () => {
          asked.ms = performance.now() - began - asked.at;
        },
        () => {},
      ),
    );
    await delay(EVERY_MS);
  }
  if (way === 'killed') redis.start();
  else redis.resume();
  await redis.answers();
  await Promise.race([Promise.all(answers), delay(3_000)]);
  const times = calls.map(({ ms }) => ms);
  const late = calls.filter(({ at }) => at > OPEN_AFTER_MS).map(({ ms }) => ms);
  return {
    share: times.filter((ms) => ms <= IN_TIME_MS).length / times.length,
    times,
    onceOpenP99Ms: quantile(late, 0.99),
  };
}

/** Writes and reads the key until the first tier holds it, which can take several attempts after an outage. */
async function hot(cache: Cache, key: string): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    const { source } = await cache.set(key, i);
    if (source === 'redis' && (await cache.getEntry(key))?.source === 'l1') return;
    await delay(1);
  }
  throw new Error(`${key} is not in the first tier after 1000 tries`);
}

async function firstWriteMs(redis: BenchRedis, cache: Cache): Promise<number> {
  await redis.kill();
  await delay(500);
  // These writes open the breaker. The benchmark then measures how long the client takes to detect that Redis accepts
  // commands again.
  for (let i = 0; i < 20; i++) await cache.set(`w${i}`, i).catch(() => {});
  redis.start();
  await redis.answers();
  const at = performance.now();
  while ((await cache.set('again', 1)).source !== 'redis') await delay(1);
  return performance.now() - at;
}

export const outage: Scenario = {
  id: 'outage',
  title: `Redis unreachable for ${OUTAGE_MS / 1_000} s: share of getOrCompute calls answered within ${IN_TIME_MS} ms`,
  async run({ redis, effort }) {
    const rows = [];
    const goals: Goal[] = [];
    for (const way of ['killed', 'hung'] as const) {
      for (const name of ['kitTiered', 'kit', 'ioredis', 'bentocache', 'cacheable'] as const) {
        const subject = await openers[name]({ host: redis.host, port: redis.port });
        const load = async (): Promise<unknown> => ({ loaded: true });
        const call = async (key: string): Promise<unknown> => subject.getOrCompute?.(key, load);
        for (let i = 0; i < 3 * KEYS; i++) await call(`k${i % KEYS}`);
        const { share, onceOpenP99Ms } = await during(redis, way, call);
        await subject.close().catch(() => {});
        rows.push({ name: `${way}: ${subject.name}`, median: share * 100, best: share * 100, ratio: share });
        if (name !== 'kitTiered' && name !== 'kit') continue;
        goals.push(
          {
            asks: `${way}, ${subject.name}: 100 % answered in time`,
            measured: `${(share * 100).toFixed(2)} %`,
            held: share === 1,
          },
          ...bounded(`${way}, ${subject.name}: p99 with the breaker open, ms`, onceOpenP99Ms, 2),
        );
      }
    }
    const cache = tieredCache({ address: redis, namespace: 'hot' });
    for (const way of ['killed', 'hung'] as const) {
      for (let i = 0; i < KEYS; i++) await hot(cache, `k${i}`);
      let missing = 0;
      await during(redis, way, async (key) => {
        if ((await cache.get(key)) === undefined) missing += 1;
      });
      goals.push(...bounded(`${way}: misses of hot keys`, missing, 0));
    }
    const recoveries: number[] = [];
    for (let i = 0; i < 2 + effort; i++) recoveries.push(await firstWriteMs(redis, cache));
    await cache.close();
    goals.push(...bounded('slowest recovery of writes after the outage, ms', Math.max(...recoveries), 100));
    return { unit: '%', rows, goals };
  },
};
