/** Reads of 1 KB of JSON: from the first tier, from Redis by one caller, with 100 in flight, and in batches of 100. */

import { inFlight, inTurn, oneCaller, rows, tight } from '../measure.ts';
import { atLeast, atMost, document, type Scenario } from '../scenario.ts';
import { ratioOf, total, withSubjects } from '../with-subjects.ts';

const KEYS = 200;
const keyOf = (i: number): string => `doc:${i % KEYS}`;

export const localHit: Scenario = {
  id: 'l1-hit',
  title: 'First-tier hit of a JSON value that callers cannot modify, statistics on',
  async run(bench) {
    const names = ['kitTiered', 'bentocache', 'cacheable', 'cacheManager'] as const;
    return withSubjects(bench, names, async (subjects) => {
      const map = new Map(Array.from({ length: KEYS }, (_, i) => [keyOf(i), document(i)]));
      const limit = { name: 'Map + await', get: async (key: string) => map.get(key) };
      for (const { set, get } of subjects) {
        for (let i = 0; i < KEYS; i++) await set?.(keyOf(i), document(i));
        for (let i = 0; i < 3 * KEYS; i++) await get?.(keyOf(i));
      }
      const all = [limit, ...subjects];
      const measured = await inTurn(all, 3 + bench.effort, ({ get }) =>
        tight(20_000 * bench.effort, (i) => (get as typeof limit.get)(keyOf(i))),
      );
      const compared = rows(measured, 'Map + await', 'less');
      return {
        unit: 'ns',
        rows: compared,
        goals: [atMost('first-tier hit relative to Map + await', ratioOf(compared, 'kit, two tiers'), 3)],
      };
    });
  },
};

const REMOTE = ['ioredis', 'kit', 'nodeRedis5', 'nodeRedis6', 'glide', 'dedupe', 'socket'] as const;

export const oneGet: Scenario = {
  id: 'get-one',
  title: 'Get from Redis, one caller, median latency',
  async run(bench) {
    return withSubjects(bench, REMOTE, async (subjects) => {
      for (const { set } of subjects) for (let i = 0; i < KEYS; i++) await set?.(keyOf(i), document(1));
      const measured = await inTurn(subjects, 4 + bench.effort, ({ get }) =>
        oneCaller(1_500 * bench.effort, async (i) => get?.(keyOf(i))),
      );
      const compared = rows(measured, 'ioredis', 'less');
      return {
        unit: 'us',
        rows: compared,
        goals: [atMost('get, one caller, relative to ioredis', ratioOf(compared, 'kit'), 1.05)],
      };
    });
  },
};

export const hundredGets: Scenario = {
  id: 'get-100',
  title: 'Get from Redis, 100 in flight',
  async run(bench) {
    return withSubjects(bench, REMOTE, async (subjects) => {
      for (const { set } of subjects) for (let i = 0; i < KEYS; i++) await set?.(keyOf(i), document(1));
      const measured = await inTurn(subjects, 4 + bench.effort, ({ get }) =>
        inFlight(10_000 * bench.effort, 100, async (i) => get?.(keyOf(i))),
      );
      const compared = rows(measured, 'ioredis', 'more');
      return {
        unit: '1/s',
        rows: compared,
        goals: [
          atLeast('gets per second, 100 in flight, relative to ioredis', ratioOf(compared, 'kit'), 1.5),
        ],
      };
    });
  },
};

export const getMany: Scenario = {
  id: 'get-many',
  title: 'getMany of 100 keys',
  async run(bench) {
    return withSubjects(bench, ['ioredis', 'kit', 'nodeRedis5', 'nodeRedis6', 'glide'], async (subjects) => {
      const keys = Array.from({ length: 100 }, (_, i) => keyOf(i));
      for (const { set } of subjects) for (let i = 0; i < KEYS; i++) await set?.(keyOf(i), document(1));
      const kit = subjects.find(({ name }) => name === 'kit');
      const sent = await bench.redis.commands(async () => kit?.getMany?.(keys));
      const measured = await inTurn(subjects, 4 + bench.effort, ({ getMany }) =>
        oneCaller(100 * bench.effort, async () => getMany?.(keys)),
      );
      const compared = rows(measured, 'ioredis', 'less');
      const commands = total(sent);
      return {
        unit: 'us',
        rows: compared,
        goals: [
          {
            asks: 'getMany of 100: 1 command',
            measured: [...sent].map(([name, calls]) => `${calls} ${name}`).join(', '),
            held: commands === 1,
          },
          atMost('getMany of 100 relative to MGET of ioredis', ratioOf(compared, 'kit'), 1.1),
        ],
      };
    });
  },
};

export const computedHit: Scenario = {
  id: 'compute-hit',
  title: 'getOrCompute hit in Redis, 100 in flight',
  async run(bench) {
    const names = ['ioredis', 'kit', 'dedupe', 'bentocache', 'cacheable', 'cacheManager'] as const;
    return withSubjects(bench, names, async (subjects) => {
      const load = async (): Promise<unknown> => document(1);
      for (const { getOrCompute } of subjects)
        for (let i = 0; i < KEYS; i++) await getOrCompute?.(keyOf(i), load);
      const measured = await inTurn(subjects, 4 + bench.effort, ({ getOrCompute }) =>
        inFlight(5_000 * bench.effort, 100, async (i) => getOrCompute?.(keyOf(i), load)),
      );
      const compared = rows(measured, 'ioredis', 'more');
      return {
        unit: '1/s',
        rows: compared,
        goals: [atLeast('getOrCompute hits per second, relative to ioredis', ratioOf(compared, 'kit'), 1)],
        notes: ['Peers with two tiers serve from memory in this scenario.'],
      };
    });
  },
};
