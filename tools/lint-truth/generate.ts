/**
 * Returns the probes of probes.txt and probes generated from the grammar: every directive with values at, inside and
 * outside its bounds, invalid choices and wrong numbers of arguments; every Sentinel option with the same words.
 */
import { readFileSync } from 'node:fs';
import type { Directive } from '../../infra/redis/conf/grammar/directive.ts';
import { DIRECTIVES } from '../../infra/redis/conf/grammar/index.ts';
import { SENTINEL_OPTIONS } from '../../infra/redis/conf/grammar/sentinel-options.ts';
import type { ValueKind } from '../../infra/redis/conf/grammar/value.ts';
import { type Input, parseProbes } from './inputs.ts';

const PROBES = new URL('probes.txt', import.meta.url);

export function generateProbes(): readonly Input[] {
  const texts = new Set([...DIRECTIVES.flatMap(linesOf), ...LONG_LINES, ...sentinelTexts()]);
  const generated = [...texts].map((text) => ({
    name: JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text),
    bytes: Buffer.from(text, 'latin1'),
  }));
  return [...parseProbes(readFileSync(PROBES)), ...generated];
}

const LONG_LINES = [`requirepass ${'a'.repeat(5000)}`, `${'a'.repeat(2000)} x`, `# ${'a'.repeat(3000)}`];

/** Excludes values that would exhaust memory or time. */
const LARGEST: Readonly<Record<string, bigint>> = { databases: 10_000n, 'cluster-databases': 10_000n };

/** All words for the first directive of a kind; for the others, only the words that can differ between directives. */
function linesOf({ names, value }: Directive, at: number): readonly string[] {
  const isFirst = DIRECTIVES.findIndex((other) => kindOf(other.value) === kindOf(value)) === at;
  return names.flatMap(({ name }) => {
    const largest = LARGEST[name];
    const isSmall = (text: string) => largest === undefined || !/^\d+$/.test(text) || BigInt(text) <= largest;
    const values = [...ownWords(value), ...(isFirst ? COMMON : []), '""', 'x', '1 2'].filter(isSmall);
    return [name, ...values.map((text) => `${name} ${text}`)];
  });
}

function kindOf(value: ValueKind): string {
  return value.kind === 'number' ? `${value.format} ${value.isUnsigned}` : value.kind;
}

function ownWords(value: ValueKind): readonly string[] {
  switch (value.kind) {
    case 'switch':
      return ['yes', 'no', 'true'];
    case 'choice':
      return [...value.of, ...value.of.map((word) => word.toUpperCase()), value.of.slice(0, 2).join(' ')];
    case 'text':
      return ['a/b', 'a_b', 'a'.repeat(256), '1.2.3.4'];
    case 'list':
    case 'ignored':
      return ['1', '1 2 3', '1 2 3 4', '"1 2"'];
    case 'number':
      return [value.min - 1n, value.min, value.max, value.max + 1n, '1kb'].map(String);
  }
}

const COMMON = [
  ...[
    '1',
    'yes',
    'no',
    'YES',
    'on',
    '0',
    'a b',
    '"a b"',
    '1 # comment',
    '#x',
    '"#x"',
    'a\\b',
    '..',
    'a'.repeat(255),
  ],
  ...[
    '"a\\x00b"',
    '"" ""',
    '-1',
    '2',
    '007',
    '+1',
    '-0',
    '1.5',
    '1e3',
    '0x10',
    '" 1"',
    '"1 "',
    '5%',
    '100%',
    '101%',
  ],
  ...['-5%', '%', '1b', '1k', '1kb', '1KB', '1mb', '1gb', '1gib', '1tb', 'mb', '-1mb', '999', '777', '1000'],
  ...[2n ** 31n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 10n ** 30n].map(String),
  ...['9223372036854775807kb', '99999999999gb', '1'.repeat(200)],
];

const MONITOR = 'sentinel monitor m 127.0.0.1 6379 2';

function sentinelTexts(): readonly string[] {
  const options = [...SENTINEL_OPTIONS].flatMap(
    ([
      name,
      {
        arguments: [, most],
        isOfMaster,
      },
    ]) => {
      const counts = Array.from({ length: most + 2 }, (_, i) =>
        ['m', '1.2.3.4', '7', '2', 'x', 'y'].slice(0, i),
      );
      const lines = counts.map((args) => `sentinel ${[name, ...args].join(' ')}`);
      const values = SENTINEL_WORDS.map((word) => `sentinel ${name} ${isOfMaster ? 'm ' : ''}${word}`);
      return [...lines, ...values];
    },
  );
  const shared = DIRECTIVES.flatMap(({ names }) => names.map(({ name }) => `${name} x`));
  return [...options, ...shared].map((line) => `${MONITOR}\n${line}`);
}

const ID = '0123456789abcdef0123456789abcdef01234567';

const SENTINEL_WORDS = [
  ...['""', '0', '1', '-1', 'one', '5s', '5000', '4294967297', '2147483648', '99999999999999999999'],
  ...['yes', 'no', 'maybe', 'YES', '"a b"', '/no/such/script', '/bin/sh', 'CONFIG x', '#secret', '"#secret"'],
  ...['1.2.3.4 6379', '1.2.3.4 x', '1.2.3.4 70000', '1.2.3.4 -1', '1.2.3 6379', '127.0.0.300 6379'],
  ...['::1 6379', 'fe80::1 6379', '::g 6379', 'host 6379', `1.2.3.4 6379 ${ID}`, `1.2.3.4 99999 ${ID}`],
  ...[`host 6379 ${ID}`, ID, ID.slice(1), `${ID}8`, '1 # comment'],
];
