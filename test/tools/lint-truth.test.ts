import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  describeComparisons,
  firstRefusal,
  isFalseError,
  isMissedError,
  modeOf,
} from '../../tools/lint-truth/compare.ts';
import { generateProbes } from '../../tools/lint-truth/generate.ts';
import { parseProbes } from '../../tools/lint-truth/inputs.ts';
import { endedOutcome, isReady, type Outcome } from '../../tools/lint-truth/outcome.ts';
import { withLocalPaths } from '../../tools/lint-truth/start-server.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kit-truth-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const fatalOutcome = (line: string, message: string) =>
  `\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 1\n>>> '${line}'\n${message}\n`;
const logged = (message: string) => `1:M 28 Nov 2026 12:00:00.000 # ${message}\n`;

describe('a list of probes', () => {
  it('is parsed with its escape sequences, and comments are ignored', () => {
    const file = Buffer.from('# comment\na|port 1\\n\\thz 2\nb|x \\\\n \\xe9|y\n\nno probe\n', 'latin1');
    expect(parseProbes(file).map(({ name, bytes }) => [name, bytes.toString('latin1')])).toEqual([
      ['a', 'port 1\n\thz 2'],
      ['b', 'x \\n \xe9|y'],
    ]);
  });

  it('contains directives with values within and beyond their bounds', () => {
    const texts = generateProbes().map(({ bytes }) => bytes.toString('latin1'));
    for (const text of [
      'io-threads 0',
      'io-threads 128',
      'io-threads 129',
      'appendonly true',
      'primaryauth x',
    ])
      expect(texts).toContain(text);
    expect(texts.length).toBeGreaterThan(2000);
  });
});

describe('the output of a server', () => {
  it.each([
    ['1:M # Ready to accept connections', true],
    ['1:M * Ready to accept connections tcp', true],
    ['1:M * The server is now ready to accept connections at /tmp/s', true],
    ['1:X # Sentinel ID is 0123', true],
    ['1:M * Server initialized', false],
  ])('shows whether the server is ready: %j, %s', (output, ready) => {
    expect(isReady(output)).toBe(ready);
  });

  it.each([
    [fatalOutcome('hz x', "argument couldn't be parsed into an integer"), 'refused'],
    [fatalOutcome('dir ""', 'No such file or directory'), 'refused'],
    [fatalOutcome('dir /no', 'No such file or directory'), 'machine'],
    [fatalOutcome('tls-port 1', 'Bad directive or wrong number of arguments'), 'machine'],
    [
      fatalOutcome('activedefrag yes', 'it requires a Redis server compiled with a modified Jemalloc'),
      'machine',
    ],
    [
      logged(
        'Warning: Could not create server TCP listening socket 10.0.0.1:1: bind: Cannot assign requested address',
      ),
      'machine',
    ],
    [
      logged(
        'Warning: Could not create server TCP listening socket 127.0.0.1:1: bind: Address already in use',
      ),
      'refused',
    ],
    [logged('Configured to not listen anywhere, exiting.'), 'refused'],
    ['=== ASSERTION FAILED ===\n', 'refused'],
    ['', 'refused'],
  ])('shows the outcome of a start: %j is %s', (output, kind) => {
    expect(endedOutcome(output, 1).kind).toBe(kind);
  });
});

it('paths in a text are moved below the scratch directory', () => {
  const text = 'dir /var/lib/redis\naclfile "/etc/redis/users.acl"\nlogfile ""\n# dir /x\nrequirepass /y\n';
  expect(withLocalPaths(Buffer.from(text), scratch).toString()).toBe(
    `dir ${scratch}/root/var/lib/redis\naclfile "${scratch}/root/etc/redis/users.acl"\nlogfile ""\n# dir /x\nrequirepass /y\n`,
  );
  expect(readFileSync(join(scratch, 'root/etc/redis/users.acl'), 'utf8')).toBe('');
});

describe('a comparison', () => {
  const compare = (text: string, outcome: Outcome) => ({
    name: text,
    outcome,
    refusal: firstRefusal(Buffer.from(text), { family: 'redis', version: '7.0.15' }),
  });
  const started: Outcome = { kind: 'started' };
  const refused: Outcome = { kind: 'refused', message: 'no' };

  it('finds false errors and missed errors in the results of the lint', () => {
    const all = [
      compare('hz x', started),
      compare('hz 1', refused),
      compare('hz x', refused),
      compare('hz 1', started),
      compare('hz 1', { kind: 'machine', message: 'm' }),
    ];
    expect(all.map(isFalseError)).toEqual([true, false, false, false, false]);
    expect(all.map(isMissedError)).toEqual([false, true, false, false, false]);
    expect(describeComparisons('Redis', all)).toBe(
      `Redis: 5 texts, 2 start, 2 refused, 1 depend on the machine or the build, false errors 1, missed errors 1
  false error   hz x: line 1: 'x' is not allowed: the server does not start
  missed error  hz 1: no`,
    );
  });

  it('treats a text with a Sentinel option as a sentinel.conf', () => {
    expect(modeOf(Buffer.from('port 1\n SENTINEL monitor m 1.2.3.4 1 1'))).toBe('sentinel');
    expect(modeOf(Buffer.from('port 1\nsentinel\n# sentinel monitor'))).toBe('server');
  });
});
