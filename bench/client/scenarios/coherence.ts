/** Coherence of the first tier: how soon a write elsewhere is seen, whether anything outlives the bound, what it costs Redis. */
import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Cache, encodeEnvelope, tieredCache } from '../../../client/index.ts';
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
  title: 'From a write elsewhere until the first tier has dropped the value',
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
  title: 'Reads against writes elsewhere, with the listener cut in every third race',
  async run({ redis, effort }) {
    const races = Math.min(10_000, 1_000 * effort);
    const cache = tiered(redis);
    let [cuts, outlived] = [0, 0];
    const stale: number[] = [];
    for (let race = 1; race <= races; race++) {
      const key = `race:${race % 7}`;
      // Live again: only a listener that is there can be cut.
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
      rows: [row('old value served after, p50', quantile(stale, 0.5)), row('longest', Math.max(...stale))],
      goals: [
        { asks: `none of ${races} outlives ${BOUND_MS} ms`, measured: `${outlived}`, held: outlived === 0 },
      ],
      notes: [`${cuts} times the listener was killed`],
    };
  },
};

/** Server CPU in microseconds an operation. */
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
 * In turn, and the first round thrown away: two measurements of the same, a second apart, differ by up to a tenth. By round
 * and kind.
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
  title: `Server CPU with ${CLIENTS} caches that listen, to none`,
  async run({ redis, effort }) {
    const data = new Redis({ host: redis.host, port: redis.port }).on('error', () => undefined);
    const payload = encodeEnvelope(document(1));
    const calls = 4_000 * effort;
    const loads: readonly (readonly [string, number, () => Promise<void>])[] = [
      // Long: what fifty connections that were just opened have to say is not what listening costs.
      ['get, 100 in a batch', calls * 30, () => batches(data, 'get', calls * 30, payload)],
      ['write, 100 in a batch', calls, () => batches(data, 'set', calls, payload)],
      [
        'write, alone',
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
      { name: ', nobody listens', measure: figures },
      { name: '', measure: () => listenedTo([]) },
      { name: ', outside of l1.prefixes', measure: () => listenedTo(['hot:']) },
    ];
    const rounds = await alternating(kinds, 4 + effort);
    data.disconnect();
    const compared = loads.map(([load], i) =>
      rows(
        kinds.map(({ name }, kind) => ({
          name: `${load}${name}`,
          rounds: rounds.map((round) => round[kind]?.[i] as number),
        })),
        `${load}, nobody listens`,
        'less',
      ),
    );
    const ratio = (load: number, kind: number): number => compared[load]?.[kind]?.ratio as number;
    return {
      unit: 'us',
      rows: kinds.flatMap((_, kind) => compared.flatMap((load) => load.slice(kind, kind + 1))),
      goals: [
        atMost('server CPU of a get', ratio(0, 1), 1.05),
        atMost('server CPU of a write in a batch', ratio(1, 1), 1.5),
        atMost('server CPU of a write alone', ratio(2, 1), 1.5),
        atMost('server CPU of a write alone, outside of l1.prefixes', ratio(2, 2), 1.5),
      ],
      notes: ['a listener costs one message a turn of the server, whoever it is for: docs/decisions/030'],
    };
  },
};
