import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestName } from '../../config/spelling.ts';
import { formatBytes, parseBytes } from '../../config/units.ts';

describe('sizes', () => {
  it.each([
    ['2gb', 2 * 1024 ** 3],
    ['1G', 1e9],
    ['100k', 100_000],
    ['64 mb', 64 * 1024 ** 2],
    ['12', 12],
    ['', undefined],
    ['2tb', undefined],
    ['-1mb', undefined],
    ['1.5gb', undefined],
  ])('are parsed: %j as %s', (text, size) => {
    expect(parseBytes(text)).toBe(size);
  });

  it('are formatted so that they parse to the same value', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (size) => parseBytes(formatBytes(size)) === size),
    );
    expect(formatBytes(2 * 1024 ** 3)).toBe('2gb');
    expect(formatBytes(1000)).toBe('1000');
  });
});

describe('spelling', () => {
  const names = ['maxmemory', 'maxclients', 'appendonly', 'appendfsync'];

  it.each([
    ['maxmemroy', 'maxmemory'],
    ['MAXMEMORY', 'maxmemory'],
    ['maxcl', 'maxclients'],
    ['apendonly', 'appendonly'],
    ['zzz', undefined],
  ])('suggests %s as %s', (word, meant) => {
    expect(nearestName(word, names)).toBe(meant);
  });
});
