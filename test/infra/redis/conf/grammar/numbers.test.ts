import { describe, expect, it } from 'vitest';
import {
  atoi,
  parseFloatingPoint,
  parseInteger,
  parseMemory,
  parsePrefix,
} from '../../../../../infra/redis/conf/grammar/numbers.ts';
import type { ServerVersion } from '../../../../../infra/redis/server-version.ts';

const redis = (version: string): ServerVersion => ({ family: 'redis', version });
const valkey = (version: string): ServerVersion => ({ family: 'valkey', version });

describe('numbers parsed as in C', () => {
  it.each<readonly [string, bigint | undefined]>([
    ['0', 0n],
    ['-1', -1n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ...['9223372036854775808', '007', '-0', '+1', ' 1', '1 ', '1.5', '0x10', '', 'x'].map(
      (text) => [text, undefined] as const,
    ),
  ])('string2ll reads %j as %s', (text, value) => {
    expect(parseInteger(text)).toBe(value);
  });

  it.each([
    ['1gb', redis('7.0'), 2n ** 30n],
    ['1G', redis('7.0'), 10n ** 9n],
    ['512MB', redis('7.0'), 512n * 2n ** 20n],
    ['', redis('7.0'), 0n],
    ['mb', redis('7.0'), 0n],
    ['-1', redis('7.0'), undefined],
    ['1gib', redis('7.0'), undefined],
    ['1 gb', redis('7.0'), undefined],
    ['99999999999999999999', redis('7.0'), 2n ** 64n - 1n],
    ['99999999999999999999', redis('6.2'), 2n ** 63n - 1n],
    ['-1', redis('6.2'), undefined],
    ['99999999999999999999', valkey('8.0'), 2n ** 64n - 1n],
    ['99999999999999999999', valkey('9.1'), undefined],
  ])('memtoull reads %j on %j as %s', (text, server, value) => {
    expect(parseMemory(text, server)).toBe(value);
  });

  it.each([
    ['5000', 5000],
    ['5s', 5],
    ['one', 0],
    [' 7x', 7],
    ['-3', -3],
    ['4294967297', 1],
    ['99999999999999999999', -1],
  ])('atoi reads %j as %i', (text, value) => {
    expect(atoi(text)).toBe(value);
  });

  it('are returned by strtoll with the rest of the text, and are clamped on overflow', () => {
    expect(parsePrefix('12ab')).toEqual({ value: 12n, rest: 'ab', isOverflow: false });
    expect(parsePrefix('')).toEqual({ value: 0n, rest: '', isOverflow: false });
    expect(parsePrefix('789', 8)).toEqual({ value: 7n, rest: '89', isOverflow: false });
    expect(parsePrefix('99999999999999999999')).toEqual({
      value: 2n ** 63n - 1n,
      rest: '',
      isOverflow: true,
    });
  });

  it.each([
    ['99.9', redis('7.0'), 99.9],
    ['.5', redis('7.0'), 0.5],
    ['1e1', redis('7.0'), 10],
    ['0x10', redis('7.0'), 16],
    ['0x10', valkey('9.1'), undefined],
    ['inf', redis('7.0'), Number.POSITIVE_INFINITY],
    ['nan', redis('7.0'), undefined],
    ['1 ', redis('7.0'), undefined],
  ])('string2d reads %j on %j as %s', (text, server, value) => {
    expect(parseFloatingPoint(text, server)).toBe(value);
  });
});
