/** Writes of 1 KB of JSON with 100 in flight, and the size overhead of an entry. */
import { encodeEnvelope } from '../../../client/envelope.ts';
import { inFlight, inTurn, oneCaller, rows } from '../measure.ts';
import { atLeast, atMost, bounded, document, type Scenario } from '../scenario.ts';
import type { Subject } from '../subjects.ts';
import { ratioOf, total, withSubjects } from '../with-subjects.ts';

const TAG = 'group';
const keyOf = (i: number): string => `set:${i % 200}`;

export const hundredSets: Scenario = {
  id: 'set-100',
  title: 'Set with envelope, and with a tag if supported, 100 in flight',
  async run(bench) {
    const names = [
      'ioredis',
      'kit',
      'nodeRedis5',
      'nodeRedis6',
      'glide',
      'bentocache',
      'cacheable',
      'cacheManager',
      'socket',
    ] as const;
    return withSubjects(bench, names, async (subjects) => {
      const value = document(1);
      const store = ({ set, setTagged }: Subject, i: number): Promise<unknown> | undefined =>
        setTagged ? setTagged(keyOf(i), value, [TAG]) : set?.(keyOf(i), value);
      const kit = subjects.find(({ name }) => name === 'kit');
      // Wait until the cache tracks the version of the tag; before that, it reads the version from Redis.
      for (let i = 0; kit && i < 200; i++) await store(kit, i);
      const sent = await bench.redis.commands(async () => kit && store(kit, 1));
      const measured = await inTurn(subjects, 4 + bench.effort, (subject) =>
        inFlight(5_000 * bench.effort, 100, async (i) => store(subject, i)),
      );
      const compared = rows(measured, 'ioredis', 'more');
      return {
        unit: '1/s',
        rows: compared,
        goals: [
          ...bounded('commands per set with a tag', total(sent), 1),
          atLeast('sets per second, 100 in flight, relative to ioredis', ratioOf(compared, 'kit'), 1),
        ],
      };
    });
  },
};

const PLAIN = ['ioredis', 'kit', 'nodeRedis5', 'nodeRedis6', 'glide', 'socket'] as const;

export const hundredPlainSets: Scenario = {
  id: 'set-plain-100',
  title: 'Set without a tag, 100 in flight',
  async run(bench) {
    return withSubjects(bench, PLAIN, async (subjects) => {
      const value = document(1);
      const measured = await inTurn(subjects, 4 + bench.effort, ({ set }) =>
        inFlight(10_000 * bench.effort, 100, async (i) => set?.(keyOf(i), value)),
      );
      const compared = rows(measured, 'ioredis', 'more');
      const own = ratioOf(compared, 'kit');
      return {
        unit: '1/s',
        rows: compared,
        goals: [
          atLeast('plain sets per second, 100 in flight, relative to ioredis', own, 1.5),
          atLeast(
            'plain sets per second, 100 in flight, relative to node-redis 6',
            own / ratioOf(compared, 'node-redis 6'),
            1,
          ),
        ],
      };
    });
  },
};

export const onePlainSet: Scenario = {
  id: 'set-one',
  title: 'Set without a tag, one caller, median latency',
  async run(bench) {
    return withSubjects(bench, PLAIN, async (subjects) => {
      const value = document(1);
      const measured = await inTurn(subjects, 4 + bench.effort, ({ set }) =>
        oneCaller(1_500 * bench.effort, async (i) => set?.(keyOf(i), value)),
      );
      const compared = rows(measured, 'ioredis', 'less');
      return {
        unit: 'us',
        rows: compared,
        goals: [atMost('set, one caller, relative to ioredis', ratioOf(compared, 'kit'), 1.05)],
      };
    });
  },
};

export const storedBytes: Scenario = {
  id: 'stored-bytes',
  title: 'Bytes of an entry in addition to its JSON',
  async run() {
    const value = document(1);
    const json = Buffer.byteLength(JSON.stringify(value));
    const freshness = { freshUntilMs: Date.now(), loadMs: 5 };
    const figures = [
      { name: 'plain', bytes: encodeEnvelope(value).length - json },
      { name: 'with freshness', bytes: encodeEnvelope(value, { freshness }).length - json },
    ];
    return {
      unit: 'bytes',
      rows: figures.map(({ name, bytes }) => ({
        name,
        median: bytes,
        best: bytes,
        ratio: (json + bytes) / json,
      })),
      goals: figures.map(({ name, bytes }) => ({
        asks: `entry ${name} <= JSON + 32 bytes`,
        measured: `JSON + ${bytes}`,
        held: bytes <= 32,
      })),
    };
  },
};
