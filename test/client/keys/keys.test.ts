import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildBatchKey, buildKey, buildResponseKey, ConfigurationError } from '../../../client/index.ts';
import { normalize } from '../../../client/keys/normalize.ts';

describe('buildKey', () => {
  it('includes the domain and the version, and hashes the rest to 16 digits', () => {
    expect(buildKey('natal', { a: 1 }, 1, 'meridian')).toMatch(/^meridian:v1:natal:[0-9a-f]{16}$/);
    expect(buildKey('acg-lines', 'x', 2)).toMatch(/^v2:acg-lines:[0-9a-f]{16}$/);
  });

  it('puts the size of a batch before a hash of 12 digits', () => {
    expect(buildBatchKey([1, 2, 3], 1, 'meridian')).toMatch(/^meridian:v1:batch:3:[0-9a-f]{12}$/);
    expect(buildBatchKey([])).toMatch(/^v1:batch:0:[0-9a-f]{12}$/);
  });

  it('formats response keys as prefix, cache and hash', () => {
    expect(buildResponseKey('agent', ['model', 'prompt'])).toMatch(/^agent:cache:[0-9a-f]{16}$/);
  });

  it('returns a different key for a different version', () => {
    expect(buildKey('natal', { a: 1 }, 1)).not.toBe(buildKey('natal', { a: 1 }, 2));
  });

  it('returns one key for all spellings of the same input', () => {
    expect(buildKey('d', { a: 1, b: [{ c: 2, d: undefined }] })).toBe(buildKey('d', { b: [{ c: 2 }], a: 1 }));
    expect(buildKey('d', 'e\u0301')).toBe(buildKey('d', '\u00e9'));
    expect(buildKey('d', -0)).toBe(buildKey('d', 0));
  });

  it('returns the same key for plain data from another realm', () => {
    const foreign: unknown = runInNewContext(
      '({ a: 1, b: [{ c: "x" }], d: new Date(5), e: Object.create(null) })',
    );
    expect(buildKey('d', foreign)).toBe(buildKey('d', { a: 1, b: [{ c: 'x' }], d: new Date(5), e: {} }));
    expect(() => buildKey('d', runInNewContext('new (class Point {})()'))).toThrowError('A Point cannot be');
    expect(() => buildKey('d', runInNewContext('new Map()'))).toThrowError('A Map cannot be');
  });

  it('returns different keys for inputs that differ in type', () => {
    const inputs = [
      1,
      '1',
      1n,
      true,
      'true',
      null,
      'null',
      undefined,
      [],
      {},
      [1],
      new Date(1),
      { d1: 1 },
      new Uint8Array([1]),
    ];
    expect(new Set(inputs.map((input) => buildKey('d', input))).size).toBe(inputs.length);
  });

  it('returns equal text for equal JSON, regardless of the order of properties', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, field]) => [name, shuffled(field)]),
      );
    };
    fc.assert(fc.property(fc.jsonValue(), (value) => normalize(shuffled(value)) === normalize(value)));
  });

  it('rejects input without a unique spelling', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, () => 1, new Map(), Symbol('s')])
      expect(() => buildKey('d', bad)).toThrowError(ConfigurationError);
    expect(() => buildKey('a:b', 1)).toThrowError('"a:b"');
    expect(() => buildKey('', 1)).toThrowError(/domain: must .*, got ""/);
    expect(() => buildKey('d', 1, 0)).toThrowError(/version: must .*, got 0/);
  });
});
