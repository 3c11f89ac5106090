import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  confLine,
  overrideDirectives,
  parseConf,
  quoteArgument,
  splitArguments,
} from '../../../../infra/redis/conf/text.ts';

describe('a line of a conf file', () => {
  it.each([
    ['maxmemory 2gb', ['maxmemory', '2gb']],
    ['  save   900 1 ', ['save', '900', '1']],
    ['logfile ""', ['logfile', '']],
    ['dir "a b\\x41\\n\\"\\\\"', ['dir', 'a bA\n"\\']],
    ["dir 'it\\'s'", ['dir', "it's"]],
    ['dir "open', undefined],
    ["dir 'open", undefined],
    ['dir "a"b', undefined],
  ])('is parsed as by Redis: %s', (text, words) => {
    expect(splitArguments(text)).toEqual(words);
  });

  it('is written in a form that is parsed to the same value', () => {
    const word = fc.string({
      unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.array(word), (args) => {
        expect(splitArguments(confLine('x', ...args))).toEqual(['x', ...args]);
      }),
    );
    expect(splitArguments(`x ${quoteArgument('a\n\r\tb')}`)).toEqual(['x', 'a\n\r\tb']);
  });

  it('may contain Sentinel options, comments and broken quotes', () => {
    const lines = parseConf('# comment\n\nSENTINEL Monitor m 1.2.3.4 1 2\nPort 1\ndir "x\nsentinel\n');
    expect(lines.map(({ line, name, args, broken }) => [line, name, args, broken !== undefined])).toEqual([
      [1, undefined, [], false],
      [2, undefined, [], false],
      [3, 'sentinel monitor', ['m', '1.2.3.4', '1', '2'], false],
      [4, 'port', ['1'], false],
      [5, 'dir', [], true],
      [6, 'sentinel', [], false],
    ]);
  });
});

describe('applying changes to a base file', () => {
  const base = '# reason\nport 1\nsave 1 1\nsave 2 2\n# end\n';

  it('replaces an existing directive, and appends a new one', () => {
    const text = overrideDirectives(
      base,
      [
        { name: 'port', args: [2] },
        { name: 'dir', args: ['/a b'] },
      ],
      'Here',
    );
    expect(text).toMatch(/^# reason\nport 2\nsave 1 1\nsave 2 2\n# end\n\n# -- Here -+\n\ndir "\/a b"\n$/);
  });

  it('replaces several lines with one line, and uses the last change to a directive', () => {
    const text = overrideDirectives(
      base,
      [
        { name: 'save', args: [3, 3] },
        { name: 'save', args: [''] },
      ],
      'Here',
    );
    expect(text).toBe('# reason\nport 1\nsave ""\n# end\n');
  });

  it('replaces an omitted directive with the reason, and appends nothing if the directive is absent', () => {
    const text = overrideDirectives(
      base,
      [
        { name: 'port', leaveOut: 'no' },
        { name: 'hz', leaveOut: 'no' },
      ],
      'Here',
    );
    expect(text).toBe('# reason\n# port: omitted, no\nsave 1 1\nsave 2 2\n# end\n');
  });
});
