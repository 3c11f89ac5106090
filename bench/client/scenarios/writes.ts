/** Writes of 1 KB of JSON with 100 in flight, and the size overhead of an entry. */
import { encodeEnvelope } from '../../../client/envelope.ts';
import { inFlight, inTurn, rows } from '../measure.ts';
import { atLeast, bounded, document, type Scenario } from '../scenario.ts';
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
      'nodeRedis',
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
      // Wait until it tracks the tag's version, which it reads until then.
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
