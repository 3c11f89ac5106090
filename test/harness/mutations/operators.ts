/**
 * Operators that change the bytes of an evidence file. Each uses a seeded random draw. By construction, none of them
 * produces a valid file. Pure.
 */
import { type Random, seededRandom } from '../../../harness/workloads/random.ts';

/**
 * @param others contents of other files of the run
 * @returns the changed content; undefined removes the file
 */
export type Operator = (content: Buffer, random: Random, others: readonly Buffer[]) => Buffer | undefined;

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const WORDS = /"(?:[a-z][a-z0-9-]{1,30}|GO|PASS|true)"|\b(?:true|false|null)\b/g;
/** Words that are valid in the same place, but have a different meaning. */
const OTHER_WORDS = [
  ...['"ok"', '"fail"', '"info"', '"invoke"', '"observe"', '"final"', '"fault"', '"expect"'],
  ...['"kit"', '"ioredis"', '"redis-1"', '"redis-2"', '"redis-9"', '"sentinel-1"', '"master"', '"replica"'],
  ...[
    '"redis"',
    '"memory"',
    '"loader"',
    '"get"',
    '"set"',
    '"incr"',
    '"quick"',
    '"full"',
    '"drill"',
    '"local"',
  ],
  ...[
    '"external"',
    '"completed"',
    '"not-measured"',
    '"steady"',
    '"hit-miss"',
    '"batches"',
    'true',
    'false',
    'null',
  ],
];

const text = (change: (text: string, random: Random) => string): Operator => {
  return (content, random) => Buffer.from(change(content.toString('utf8'), random));
};
const lines = (change: (lines: string[], random: Random) => readonly string[]): Operator =>
  text((all, random) => change(all.split('\n'), random).join('\n'));

function replaceOne(all: string, pattern: RegExp, random: Random, by: string): string {
  const found = [...all.matchAll(pattern)];
  const one = found[random.int(Math.max(1, found.length))];
  if (one === undefined) return all;
  return all.slice(0, one.index) + by + all.slice(one.index + one[0].length);
}

const number = (by: string): Operator => text((all, random) => replaceOne(all, NUMBER, random, by));

export const OPERATORS: Readonly<Record<string, Operator>> = {
  delete: () => undefined,
  empty: () => Buffer.alloc(0),
  truncate: (content, random) => content.subarray(0, random.int(content.length)),
  'truncate at a line': lines((all, random) => [...all.slice(0, random.int(all.length)), '']),
  'flip a bit': (content, random) => {
    const bad = Buffer.from(content);
    const at = random.int(bad.length);
    bad.writeUInt8(bad.readUInt8(at) ^ (1 << random.int(8)), at);
    return bad;
  },
  'take out a line': lines((all, random) => all.toSpliced(random.int(all.length - 1), 1)),
  'duplicate a line': lines((all, random) => {
    const at = random.int(all.length - 1);
    return all.toSpliced(at, 0, all[at] ?? '');
  }),
  'duplicate all lines': (content) => Buffer.concat([content, content]),
  'swap two lines': lines((all, random) => {
    const [a, b] = [random.int(all.length - 1), random.int(all.length - 1)];
    return all.with(a, all[b] ?? '').with(b, all[a] ?? '');
  }),
  'shuffle the lines': lines((all, random) => [...random.shuffle(all.slice(0, -1)), '']),
  relabel: text((all, random) =>
    replaceOne(all, WORDS, random, OTHER_WORDS[random.int(OTHER_WORDS.length)] ?? 'null'),
  ),
  'content of another file': (_content, random, others) => others[random.int(others.length)],
  'lines of another file': (content, random, others) =>
    Buffer.concat([content, others[random.int(others.length)] ?? Buffer.alloc(0)]),
  NaN: number('NaN'),
  infinite: number('1e999'),
  huge: number('9007199254740991'),
  negative: number('-1'),
  zero: number('0'),
  fraction: number('0.5'),
  'another number': text((all, random) => replaceOne(all, NUMBER, random, String(random.int(1_000_000)))),
  'deep nesting': text((all, random) =>
    replaceOne(all, NUMBER, random, `${'['.repeat(20_000)}${']'.repeat(20_000)}`),
  ),
  'long text': text((all, random) => replaceOne(all, WORDS, random, `"${'x'.repeat(1_000_000)}"`)),
};

export function mutateFile(
  content: Buffer,
  operator: string,
  seed: number,
  others: readonly Buffer[],
): Buffer | undefined {
  return OPERATORS[operator]?.(content, seededRandom(seed, operator), others);
}
