/**
 * Coherence of the first tier: delay until a write by another client is visible, violations of the bound, and the cost
 * to Redis.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { type Cache, tieredCache } from '../../../client/index.ts';
import { quantile, rows } from '../measure.ts';
import type { BenchRedis } from '../redis.ts';
import { atMost, document, type Scenario } from '../scenario.ts';

const BOUND_MS = 500;
const CLIENTS = 50;
const NAMESPACE = 'c';

const tiered = ({ host, port }: BenchRedis, prefixes: readonly string[] = []): Cache =>
  tieredCache({ address: { host, port }, namespace: NAMESPACE, l1: { boundMs: BOUND_MS, prefixes } });

async function kept(cache: Cache, key: string): Promise<void> {
  while ((await cache.getEntry(key))?.source !== 'l1') await turn();
}

export const coherenceDelay: Scenario = {
  id: 'coherence',
  title: 'Time from a write by another client to its invalidation in the first tier',
  async run({ redis, effort }) {
    const cache = tiered(redis);
    const times: number[] = [];
    for (let i = 0; i < 500 * effort; i++) {
      const key = `delay:${i % 50}`;
      await redis.admin.set(`${NAMESPACE}:${key}`, encodeEnvelope(i));
      await kept(cache, key);
      const at = performance.now();
      const write = redis.admin.set(`${NAMESPACE}:${key}`, encodeEnvelope(-i));
      let askedAt = at;
      while ((await cache.getEntry(key))?.source === 'l1') {
        await turn();
        askedAt = performance.now();
      }
      times.push(askedAt - at);
      await write;
    }
    await cache.close();
    const p50 = quantile(times, 0.5);
    const row = (name: string, ms: number) => ({
      name,
      median: ms,
      best: Math.min(...times),
      ratio: ms / p50,
    });
    return {
      unit: 'ms',
      rows: [row('p50', p50), row('p99', quantile(times, 0.99)), row('slowest', Math.max(...times))],
      goals: [{ asks: 'p50 <= 0.3 ms', measured: `${p50.toFixed(2)} ms`, held: p50 <= 0.3 }],
    };
  },
};

export const coherenceRaces: Scenario = {
  id: 'coherence-races',
  title:
    'First-tier reads during writes by another client, invalidation connection killed in every third round',
  async run({ redis, effort }) {
    const races = Math.min(10_000, 1_000 * effort);
    const cache = tiered(redis);
    let [cuts, outlived] = [0, 0];
    const stale: number[] = [];
    for (let race = 1; race <= races; race++) {
      const key = `race:${race % 7}`;
      // Wait for the invalidation connection, so that it can be killed.
      if (race % 3 === 0 && race > 7) await kept(cache, key);
      const reading = cache.get(key);
      const writing = redis.admin.set(`${NAMESPACE}:${key}`, encodeEnvelope(race));
      if (race % 3 === 0) cuts += Number(await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB'));
      await Promise.all([reading, writing]);
      const writtenAt = performance.now();
      let oldAt = writtenAt;
      for (let at = writtenAt; (await cache.get(key)) !== race; at = performance.now()) {
        oldAt = at;
        await turn();
      }
      stale.push(oldAt - writtenAt);
      if (oldAt - writtenAt > BOUND_MS) outlived += 1;
    }
    await cache.close();
    const row = (name: string, ms: number) => ({
      name,
      median: ms,
      best: Math.min(...stale),
      ratio: ms / BOUND_MS,
    });
    return {
      unit: 'ms',
      rows: [row('duration of stale values, p50', quantile(stale, 0.5)), row('longest', Math.max(...stale))],
      goals: [
        {
          asks: `rounds with a value stale for more than ${BOUND_MS} ms, of ${races} <= 0`,
          measured: `${outlived}`,
          held: outlived === 0,
        },
      ],
      notes: [`invalidation connection killed ${cuts} times`],
    };
  },
};

/** Returns the CPU time of the server per operation, in microseconds. */
async function cpuOf(redis: BenchRedis, operations: number, work: () => Promise<unknown>): Promise<number> {
  const used = async (): Promise<number> => {
    const info = await redis.admin.info('cpu');
    return ['user', 'sys'].reduce(
      (sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]),
      0,
    );
  };
  const before = await used();
  await work();
  return ((await used()) - before) * (1e6 / operations);
}

/**
 * Measures the kinds in turn and discards the first round, because two measurements of the same kind, one second apart,
 * differ by up to 10 %. Returns figures by round and kind.
 */
async function alternating(
  kinds: readonly { measure(): Promise<readonly number[]> }[],
  count: number,
): Promise<readonly (readonly (readonly number[])[])[]> {
  const rounds: (readonly (readonly number[])[])[] = [];
  for (let round = -1; round < count; round++) {
    const each: (readonly number[])[] = [];
    for (const { measure } of kinds) each.push(await measure());
    if (round >= 0) rounds.push(each);
  }
  return rounds;
}

async function batches(
  data: Redis,
  command: 'get' | 'set',
  operations: number,
  payload: Buffer,
): Promise<void> {
  for (let i = 0; i < operations; i += 100) {
    const pipeline = data.pipeline();
    for (let n = 0; n < 100; n++) {
      const key = `${NAMESPACE}:cpu:${(i + n) % 5_000}`;
      if (command === 'get') pipeline.get(key);
      else pipeline.set(key, payload);
    }
    await pipeline.exec();
  }
}

export const trackingCost: Scenario = {
  id: 'tracking-cost',
  title: `Server CPU per operation, ${CLIENTS} tracking caches compared with none`,
  async run({ redis, effort }) {
    const data = new Redis({ host: redis.host, port: redis.port }).on('error', () => undefined);
    const payload = encodeEnvelope(document(1));
    const calls = 4_000 * effort;
    const loads: readonly (readonly [string, number, () => Promise<void>])[] = [
      // Many calls, so that the commands of fifty new connections do not skew the result.
      ['get, batch of 100', calls * 30, () => batches(data, 'get', calls * 30, payload)],
      ['write, batch of 100', calls, () => batches(data, 'set', calls, payload)],
      [
        'write, single',
        calls / 10,
        async () => {
          for (let i = 0; i < calls / 10; i++) await data.set(`${NAMESPACE}:cpu:${i}`, payload);
        },
      ],
    ];
    await batches(data, 'set', calls, payload);
    await data.set(`${NAMESPACE}:hot:1`, payload);
    const figures = async (): Promise<readonly number[]> => {
      const each: number[] = [];
      for (const [, n, work] of loads) each.push(await cpuOf(redis, n, work));
      return each;
    };
    const listenedTo = async (prefixes: readonly string[]): Promise<readonly number[]> => {
      const caches = Array.from({ length: CLIENTS }, () => tiered(redis, prefixes));
      await Promise.all(caches.map((cache) => kept(cache, 'hot:1')));
      const each = await figures();
      await Promise.all(caches.map((cache) => cache.close()));
      return each;
    };
    const kinds = [
      { name: ', no tracking', measure: figures },
      { name: '', measure: () => listenedTo([]) },
      { name: ', outside l1.prefixes', measure: () => listenedTo(['hot:']) },
    ];
    const rounds = await alternating(kinds, 4 + effort);
    data.disconnect();
    const compared = loads.map(([load], i) =>
      rows(
        kinds.map(({ name }, kind) => ({
          name: `${load}${name}`,
          rounds: rounds.map((round) => round[kind]?.[i] as number),
        })),
        `${load}, no tracking`,
        'less',
      ),
    );
    const ratio = (load: number, kind: number): number => compared[load]?.[kind]?.ratio as number;
    return {
      unit: 'us',
      rows: kinds.flatMap((_, kind) => compared.flatMap((load) => load.slice(kind, kind + 1))),
      goals: [
        atMost('server CPU of a get', ratio(0, 1), 1.05),
        atMost('server CPU of a write, batch of 100', ratio(1, 1), 1.5),
        atMost('server CPU of a write, single', ratio(2, 1), 1.5),
        atMost('server CPU of a write, single, outside l1.prefixes', ratio(2, 2), 1.5),
      ],
      notes: ['one message per tracking connection and event loop iteration: docs/decisions/030'],
    };
  },
};
