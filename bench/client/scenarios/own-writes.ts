/**
 * Reads of keys that the process itself has written: latency of the next read, commands, and how often the server
 * reports the write of this process and a concurrent write of the same key in one message.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Cache, tieredCache } from '../../../client/index.ts';
import { quantile } from '../measure.ts';
import type { BenchRedis } from '../redis.ts';
import { document, type Scenario } from '../scenario.ts';
import { total } from '../with-subjects.ts';

const NAMESPACE = 'own';

async function open({ host, port }: BenchRedis): Promise<Cache> {
  const cache = tieredCache({ address: { host, port }, namespace: NAMESPACE });
  await cache.set('live', 1);
  while ((await cache.getEntry('live'))?.source !== 'l1') await turn();
  return cache;
}

/**
 * Returns the number of commands per write, over 100 keys; each write is followed by the given number of reads. Pauses
 * between reads let a background read complete.
 */
async function commandsOf(redis: BenchRedis, cache: Cache, name: string, reads: number): Promise<number> {
  const sent = await redis.commands(async () => {
    for (let i = 0; i < 100; i++) {
      await cache.set(`${name}:${i}`, i);
      for (let n = 0; n < reads; n++) {
        await cache.get(`${name}:${i}`);
        await cache.ping();
      }
    }
  });
  return total(sent) / 100;
}

/**
 * Returns the share of rounds in which one message reports the writes of two connections that set the same key
 * concurrently.
 */
async function merges({ host, port }: BenchRedis, rounds: number): Promise<number> {
  const options = { host, port, protocol: 2 } as const;
  const open = () => new Redis(options).on('error', () => undefined);
  const [one, two, listener] = [open(), open(), open()];
  const id = String(await listener.client('ID'));
  await listener.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', 'merge:');
  let told = 0;
  listener.on('messageBuffer', (_: Buffer, keys: unknown) => {
    told += Array.isArray(keys) ? keys.length : 0;
  });
  await listener.subscribe('__redis__:invalidate');
  await Promise.all([one.ping(), two.ping()]);
  let merged = 0;
  for (let i = 0; i < rounds; i++) {
    const before = told;
    await Promise.all([one.set('merge:k', `one ${i}`), two.set('merge:k', `two ${i}`)]);
    // When PING returns, all earlier messages have arrived.
    await listener.ping();
    if (told - before === 1) merged += 1;
  }
  for (const redis of [one, two, listener]) redis.disconnect();
  return merged / rounds;
}

export const ownWrites: Scenario = {
  id: 'own-writes',
  title: 'First read after a write by the same process, two tiers',
  async run({ redis, effort }) {
    const cache = await open(redis);
    const [first, redisAnswer]: [number[], number[]] = [[], []];
    for (let i = 0; i < 1_000 * effort; i++) {
      const key = `read:${i % 200}`;
      await cache.set(key, document(i));
      const at = performance.now();
      await cache.get(key);
      first.push((performance.now() - at) * 1_000);
      redisAnswer.push((await cache.ping()) * 1_000);
    }
    const commands: number[] = [];
    for (const reads of [0, 1, 3]) commands.push(await commandsOf(redis, cache, `reads-${reads}`, reads));
    await cache.close();
    const merged = await merges(redis, 1_000 * effort);
    const base = quantile(redisAnswer, 0.5);
    const row = (name: string, figures: readonly number[], q: number) => ({
      name,
      median: quantile(figures, q),
      best: Math.min(...figures),
      ratio: quantile(figures, q) / base,
    });
    return {
      unit: 'us',
      rows: [
        row('PING, p50', redisAnswer, 0.5),
        row('first read after a write, p50', first, 0.5),
        row('first read after a write, p99', first, 0.99),
      ],
      goals: [0, 1, 3].map((reads, i) => ({
        asks: `commands per write with ${reads} reads <= ${reads === 0 ? 1 : 2}`,
        measured: (commands[i] as number).toFixed(2),
        held: (commands[i] as number) <= (reads === 0 ? 1 : 2),
      })),
      notes: [
        `two connections write one key concurrently: one message for both writes in ${(merged * 100).toFixed(0)} % of the rounds`,
      ],
    };
  },
};
