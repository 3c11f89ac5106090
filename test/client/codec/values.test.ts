/** Property of both codecs: a value reads back the same, or it is refused. */
import { deepStrictEqual } from 'node:assert/strict';
import { inspect, isDeepStrictEqual } from 'node:util';
import { runInNewContext, runInThisContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../../client/api/codec.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../client/envelope.ts';
import { binaryCodec, memoryCache, SerializationError } from '../../../client/index.ts';

type CodecName = 'json' | 'binary';
const CODECS: Readonly<Record<CodecName, Codec | undefined>> = { json: undefined, binary: binaryCodec };
const byId = new Map([[binaryCodec.id, binaryCodec]]);

/** Returns the value after encoding and decoding. @throws SerializationError if the codec rejects it */
function roundTrip(value: unknown, name: CodecName): unknown {
  const decoded = decodeEnvelope(encodeEnvelope(value, { codec: CODECS[name] }), { codecs: byId });
  if (!decoded.ok) throw new Error(`stored, and then ${decoded.reason}`);
  return decoded.value;
}

function isRefused(value: unknown, name: CodecName): boolean {
  try {
    roundTrip(value, name);
    return false;
  } catch (error) {
    if (error instanceof SerializationError) return true;
    throw error;
  }
}

class Point {
  x = 1;
}
class Bag extends Map {}
class List extends Array {}
class Bytes extends Uint8Array {}
class Own extends Date {}

const cyclic: Record<string, unknown> = {};
cyclic.self = [cyclic];
const transferred = new Uint8Array(8);
structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
const withHiddenProperty = Object.defineProperty({ a: 1 }, 'b', { value: 2, enumerable: false });

/** Values that both codecs refuse. */
const REFUSED: Readonly<Record<string, unknown>> = {
  'a promise': Promise.resolve(1),
  'an error': new Error('x'),
  'a RegExp': /x/,
  'a URL': new URL('https://example.org/'),
  'URL parameters': new URLSearchParams('a=1'),
  'a Blob': new Blob(['x']),
  headers: new Headers({ a: 'b' }),
  'a response': new Response('x'),
  'a WeakMap': new WeakMap(),
  'a WeakSet': new WeakSet(),
  'a WeakRef': new WeakRef({}),
  'a generator': (function* () {
    yield 1;
  })(),
  'an iterator': [1].values(),
  'a SharedArrayBuffer': new SharedArrayBuffer(8),
  'a resizable ArrayBuffer': new ArrayBuffer(8, { maxByteLength: 16 }),
  'a transferred ArrayBuffer': transferred.buffer,
  'bytes whose memory was transferred': transferred,
  "another realm's Map": runInNewContext('new Map([[1, 2]])'),
  "another realm's Set": runInNewContext('new Set([1])'),
  "another realm's Date": runInNewContext('new Date(0)'),
  "another realm's bytes": runInNewContext('new Uint8Array(2)'),
  "another realm's error": runInNewContext('new Error("x")'),
  'a class instance': new Point(),
  'a subclass of Map': new Bag(),
  'a subclass of Array': List.from([1]),
  'a subclass of Uint8Array': new Bytes(2),
  'a subclass of Date': new Own(0),
  'an object over another': Object.create({ a: 1 }),
  'an object that resembles a Map': Object.create(Map.prototype),
  'a function': () => 1,
  'a symbol': Symbol('s'),
  'a boxed number': Object(1),
  'a boxed text': Object('s'),
  'a boxed bigint': Object(1n),
  'a boxed boolean': Object(true),
  'arguments of a function': runInThisContext('(function () { return arguments; })(1)'),
  Math,
  JSON,
  'a symbol as name': { [Symbol('s')]: 1 },
  'a hidden property': withHiddenProperty,
  'a hidden method': Object.defineProperty({}, 'toJSON', { value: () => 'other', enumerable: false }),
  'a method named toJSON': { toJSON: () => 'other' },
  'an array with named properties': /a/.exec('a'),
  'an array with a symbol as name': Object.assign([1], { [Symbol('s')]: 1 }),
  'a Map with properties': Object.assign(new Map(), { a: 1 }),
  'a Set with properties': Object.assign(new Set(), { a: 1 }),
  'a Date with properties': Object.assign(new Date(0), { a: 1 }),
  'bytes with properties': Object.assign(Buffer.from('a'), { a: 1 }),
  'an ArrayBuffer with properties': Object.assign(new ArrayBuffer(1), { a: 1 }),
  'a cycle': cyclic,
  undefined,
};

/** Values that the binary codec supports and JSON refuses. */
const RICH: Readonly<Record<string, unknown>> = {
  'an ArrayBuffer': new Uint8Array([1, 2]).buffer,
  'a DataView': new DataView(new ArrayBuffer(2)),
  'floats with -0 and NaN': new Float32Array([-0, Number.NaN]),
  'bytes, clamped': new Uint8ClampedArray([1]),
  'a Map': new Map([[{ a: 1 }, new Set([1])]]),
  'a Set': new Set(['a']),
  'a Date': new Date(1),
  'an invalid Date': new Date(Number.NaN),
  'a bigint': 2n ** 70n,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  'undefined in an object': { a: undefined },
  'undefined in an array': [undefined],
  'a hole': Object.assign([1], { 2: 3 }),
  'an open end': Object.assign([1], { length: 3 }),
  'an object without a prototype': Object.assign(Object.create(null), { a: 1 }),
};

const PLAIN: Readonly<Record<string, unknown>> = {
  '-0': [-0, { a: -0 }],
  'null, false, 0 and the empty string': [null, false, 0, ''],
  'bytes of Node': Buffer.from('a'),
  bytes: new Uint8Array([1, 2]),
  'bytes of shared memory': new Uint8Array(new SharedArrayBuffer(2)),
  'half a surrogate pair, in names and values': { '\ud800': '\udc00' },
  'names of members of Object': JSON.parse('{"__proto__":1,"constructor":2,"toString":3}'),
  'a key that resembles an index': { 1: 'a', 0: 'b' },
  'data named toJSON': { toJSON: 1 },
  'a getter': {
    get a() {
      return 1;
    },
  },
  'a frozen object': Object.freeze({ a: Object.freeze([1]) }),
  'one object twice': (() => {
    const shared = { a: 1 };
    return [shared, shared];
  })(),
};

describe.each(['json', 'binary'] as const)('the codec %s', (name) => {
  it.each(Object.entries(REFUSED))('refuses %s', (_, value) => {
    expect(isRefused(value, name), 'by itself').toBe(true);
    if (value === undefined) return;
    expect(isRefused({ deep: [{ value }] }, name), 'in an object').toBe(true);
  });

  it.each(Object.entries(PLAIN))('preserves %s', (_, value) => {
    deepStrictEqual(roundTrip(value, name), value);
  });

  it.each(Object.entries(RICH))(`${name === 'json' ? 'refuses' : 'preserves'} %s`, (_, value) => {
    for (const wrapped of [value, [value], { a: { value } }])
      if (name === 'json') expect(isRefused(wrapped, name)).toBe(true);
      else deepStrictEqual(roundTrip(wrapped, name), wrapped);
  });

  it('returns plain data from another realm as data of this realm', () => {
    const foreign: unknown = runInNewContext('({ a: [1, { b: "x" }], c: null })');
    deepStrictEqual(roundTrip(foreign, name), { a: [1, { b: 'x' }], c: null });
  });

  it('refuses a value, or returns one that is strictly equal to it', () => {
    const special = fc.constantFrom(...[REFUSED, RICH, PLAIN].flatMap((each) => Object.values(each)));
    const leaf = fc.anything({
      maxDepth: 3,
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    const rare = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        { weight: 1, arbitrary: special },
        { weight: 8, arbitrary: leaf },
        { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
        {
          weight: 2,
          arbitrary: fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), {
            maxKeys: 3,
            noNullPrototype: true,
          }),
        },
      ),
    })).value;
    const outcomes = { same: 0, refused: 0 };
    fc.assert(
      fc.property(rare, (value) => {
        if (isRefused(value, name)) {
          outcomes.refused += 1;
          return;
        }
        outcomes.same += 1;
        const back = roundTrip(value, name);
        expect(isDeepStrictEqual(back, value), `${inspect(value)} came back as ${inspect(back)}`).toBe(true);
      }),
      { numRuns: 5000 },
    );
    // The property would also hold for a codec that refuses, or accepts, every generated value. This assertion excludes
    // both cases.
    expect(Math.min(outcomes.same, outcomes.refused)).toBeGreaterThan(250);
  });

  it('does not call a toJSON that was added to Object.prototype', () => {
    for (const prototype of [Object.prototype, Array.prototype])
      try {
        Object.defineProperty(prototype, 'toJSON', { value: () => 1, configurable: true });
        deepStrictEqual(roundTrip({ a: [1] }, name), { a: [1] });
      } finally {
        delete (prototype as { toJSON?: unknown }).toJSON;
      }
  });

  it('preserves values even if all objects inherit an enumerable property', () => {
    const prototype = Object.prototype as { extra?: unknown };
    try {
      prototype.extra = () => 1;
      deepStrictEqual(roundTrip({ a: [{ b: 1 }] }, name), { a: [{ b: 1 }] });
    } finally {
      delete prototype.extra;
    }
  });

  it('refuses more than 500 levels, and reports a cycle as such', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 500; level++) deep = [deep];
    deepStrictEqual(roundTrip(deep, name), deep);
    expect(() => roundTrip([deep], name)).toThrowError(/deeper than 500 levels/);
    expect(() => roundTrip(cyclic, name)).toThrowError(/at \.self\[0\]: contains itself/);
  });
});

describe('JSON', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'undefined',
      { user: { nick: undefined } },
      /^The value at \.user\.nick: undefined .* leaves it out; .*option codecs/,
    ],
    [
      'NaN',
      { mean: [Number.NaN] },
      /^The value at \.mean\[0\]: NaN cannot be stored as JSON, which makes it null/,
    ],
    ['a Map', { seen: new Map() }, /^The value at \.seen: a Map cannot be stored as JSON/],
    ['an error', [new TypeError('x')], /^The value at \[0\]: a TypeError cannot be stored; store plain data/],
    ['a hole', Object.assign([1], { length: 2 }), /^The value: an array with holes/],
    [
      'the result of a match',
      { found: /a/.exec('a') },
      /^The value at \.found: an array with named properties/,
    ],
  ])('names the part of the value that it refuses, and the remedy: %s', (_, value, message) => {
    expect(() => encodeEnvelope(value)).toThrowError(message);
  });

  it('reports an error thrown by a getter as the cause', () => {
    const failing = {
      get a(): number {
        throw new TypeError('mine');
      },
    };
    expect(() => encodeEnvelope(failing)).toThrowError(SerializationError);
    expect(() => encodeEnvelope(failing)).toThrowError('mine');
  });
});

describe('a custom codec', () => {
  it('must return bytes', () => {
    const codec = { id: 7, encode: () => 'text', decode: () => 1 } as unknown as Codec;
    expect(() => encodeEnvelope(1, { codec })).toThrowError(/codec 7: encode\(\) must return a Uint8Array/);
  });
});

describe('a cache', () => {
  it('does not store a value that would change, and still returns the loader’s value', async () => {
    const cache = memoryCache();
    await expect(cache.set('k', { at: new URL('https://example.org/') })).rejects.toThrowError(
      /^k: The value at \.at: a URL/,
    );
    const events: unknown[] = [];
    cache.on((event) => events.push(event));
    const made = new Map([[1, 2]]);
    expect(await cache.getOrCompute('k', () => made)).toBe(made);
    expect(await cache.get('k')).toBeUndefined();
    expect(events).toContainEqual({
      type: 'unstorable',
      reason: expect.stringMatching(/^k: The value: a Map cannot be stored as JSON/),
    });
    await cache.close();
  });
});
