/** With the binary codec, a written value either reads back the same or is refused, and no input bytes can do harm. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BYTES_MAX, DEPTH_MAX, TAG } from '../../../client/codec/binary-format.ts';
import { readBinary } from '../../../client/codec/binary-reader.ts';
import { writeBinary } from '../../../client/codec/binary-writer.ts';
import { binaryCodec, SerializationError } from '../../../client/index.ts';

const roundTrip = (value: unknown): unknown => binaryCodec.decode(Buffer.from(binaryCodec.encode(value)));
const bytes = (...list: readonly number[]): Uint8Array => Uint8Array.from(list);

/** All storable values, nested. */
const storable = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc
      .anything({ maxDepth: 0, withBigInt: true, withDate: true, withTypedArray: true })
      .filter(
        (value) =>
          typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date,
      ),
    fc.string({ unit: 'binary' }),
    fc.string().map((text) => `\ud800${text}`),
    fc.bigInt(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array().map((array) => array.buffer),
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.uint8Array().map((array) => new DataView(array.buffer)),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.option(tie('value'), { nil: undefined }), { maxLength: 5 }).map((list) => {
      delete list[0];
      return list;
    }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString')),
      tie('value'),
      { maxKeys: 5, noNullPrototype: false },
    ),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((list) => new Set(list)),
  ),
})).value;

describe('the binary codec', () => {
  it('returns every storable value unchanged', () => {
    fc.assert(
      fc.property(storable, (value) => {
        expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps integers exact at every boundary of their encodings', () => {
    for (const border of [
      0,
      1,
      127,
      128,
      2 ** 31,
      2 ** 32,
      2 ** 52 - 1,
      2 ** 52,
      2 ** 53 - 1,
      2 ** 53,
      Number.MAX_VALUE,
    ])
      for (const number of [border, -border, border + 1, border - 1])
        expect(Object.is(roundTrip(number), number), String(number)).toBe(true);
    for (const number of [Number.NaN, Infinity, -Infinity, Number.MIN_VALUE, 0.1])
      expect(Object.is(roundTrip(number), number), String(number)).toBe(true);
  });

  it('preserves undefined, holes, -0 and an invalid date, which JSON does not', () => {
    const list: unknown[] = [undefined];
    list[2] = -0;
    const back = roundTrip(list) as unknown[];
    expect([0 in back, 1 in back, back.length]).toEqual([true, false, 3]);
    expect(Object.is(back[2], -0)).toBe(true);
    expect(Object.keys(roundTrip({ a: undefined }) as object)).toEqual(['a']);
    expect(Number.isNaN((roundTrip(new Date(Number.NaN)) as Date).getTime())).toBe(true);
    const open = roundTrip(Object.assign([1], { length: 3 })) as unknown[];
    expect([open.length, 1 in open]).toEqual([3, false]);
  });

  it('gives each typed array a separate buffer of the exact size', () => {
    const part = new Uint16Array([1, 2, 3, 4]).subarray(1, 3);
    const back = roundTrip({ x: 'odd', part }) as { part: Uint16Array };
    expect(back.part).toEqual(new Uint16Array([2, 3]));
    expect(back.part.buffer.byteLength).toBe(4);
    expect(Buffer.isBuffer(roundTrip(Buffer.from('a')))).toBe(true);
    expect(Buffer.isBuffer(roundTrip(bytes(1)))).toBe(false);
  });

  it('is compact: one byte for a one-digit number, two for the length of a short string', () => {
    expect(writeBinary(7)).toEqual(Buffer.from([0x87]));
    expect(writeBinary('abc')).toHaveLength(5);
    const rows = Array.from({ length: 50 }, (_, id) => ({ id, title: `product ${id}`, price: id * 2 }));
    expect(writeBinary(rows).length).toBeLessThan(JSON.stringify(rows).length);
  });

  it('writes strings that exceed its first buffer, even several in one value', () => {
    const long = 'é'.repeat(200_000);
    const nested = {
      long,
      get inner() {
        return writeBinary(long).length;
      },
    };
    expect(roundTrip(nested)).toEqual({ long, inner: Buffer.byteLength(long) + 4 });
  });
});

describe('a value that cannot be stored', () => {
  class Point {
    x = 1;
  }
  class Bag extends Map {}
  const cyclic: Record<string, unknown> = { a: [] };
  (cyclic.a as unknown[]).push({ back: cyclic });
  const selfMap = new Map<string, unknown>();
  selfMap.set('me', selfMap);
  const selfSet = new Set<unknown>();
  selfSet.add([selfSet]);

  it.each<[string, unknown, RegExp]>([
    ['a function', { list: [1, { f: () => 1 }] }, /at \.list\[1\]\.f: a function/],
    ['a symbol', [Symbol('s')], /at \[0\]: a symbol/],
    ['a class instance', { p: new Point() }, /at \.p: a Point/],
    ['a subclass of Map', new Bag(), /a Bag/],
    ['an error', new Error('x'), /a Error/],
    ['a regular expression', /x/, /a RegExp/],
    ['a promise', Promise.resolve(), /a Promise/],
    ['a cycle of objects and arrays', cyclic, /at \.a\[0\]\.back: contains itself/],
    ['a Map in itself', selfMap, /a value of the Map: contains itself/],
    ['a Set in itself', selfSet, /contains itself/],
    ['a function in a Set', new Set([() => 1]), /an element of the Set: a function/],
  ])('is rejected with an error that names its path: %s', (_, value, message) => {
    expect(() => writeBinary(value)).toThrowError(SerializationError);
    expect(() => writeBinary(value)).toThrowError(message);
  });

  it('is rejected if it is too deep, too large, or expands without bound', () => {
    let deep: unknown = 1;
    for (let level = 0; level < DEPTH_MAX; level++) deep = [deep];
    expect(roundTrip(deep)).toEqual(deep);
    expect(() => writeBinary([deep])).toThrowError(/deeper than 500/);
    expect(() => writeBinary('x'.repeat(5000), 1000)).not.toThrow();
    expect(() => writeBinary('x'.repeat(100_000), 99_000)).toThrowError(/larger than 99000 bytes/);
    const sparse: unknown[] = [];
    sparse[2 ** 31] = 1;
    expect(() => writeBinary(sparse, 1_000_000)).toThrowError(/larger than/);
    let bomb: unknown[] = ['x'.repeat(10)];
    for (let level = 0; level < 60; level++) bomb = [bomb, bomb];
    expect(() => writeBinary(bomb, 1_000_000)).toThrowError(/larger than/);
  });

  it('may throw from a getter without breaking the codec', () => {
    const thrower = {
      get x(): number {
        throw new TypeError('mine');
      },
    };
    expect(() => writeBinary(thrower)).toThrowError(TypeError);
    expect(roundTrip([1])).toEqual([1]);
  });
});

describe('hostile bytes', () => {
  it('are rejected with one kind of error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (hostile) => {
        try {
          readBinary(hostile);
        } catch (error) {
          expect(error).toBeInstanceOf(SerializationError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('are rejected when a byte of a valid encoding is cut off or appended', () => {
    const real = writeBinary({
      m: new Map([[1n, new Set(['a', 'ä'])]]),
      d: new Date(1),
      f: [0.5, -300],
      b: Buffer.from('xyz'),
    });
    for (let length = 0; length < real.length; length++)
      expect(() => readBinary(real.subarray(0, length)), `cut at ${length}`).toThrowError(SerializationError);
    expect(() => readBinary(Buffer.concat([real, Buffer.of(0)]))).toThrowError(/after the value/);
  });

  it('are rejected before memory is allocated for an invalid length', () => {
    const lie = [0xff, 0xff, 0xff, 0xff, 0x7f];
    for (const tag of [TAG.array, TAG.object, TAG.map, TAG.set, TAG.ascii, TAG.utf8, TAG.bigint])
      expect(() => readBinary(bytes(tag, ...lie)), `tag ${tag}`).toThrowError(/a length of/);
    expect(() => readBinary(bytes(TAG.bytes, 2, ...lie))).toThrowError(/a length of/);
    expect(() => readBinary(bytes(TAG.array, ...Array<number>(9).fill(0xff)))).toThrowError(/too long/);
    expect(() => readBinary(bytes(TAG.array, ...Array<number>(7).fill(0xff), 0x1f))).toThrowError(/too long/);
  });

  it.each<[string, readonly number[]]>([
    ['unknown tag', [99]],
    ['unknown kind of bytes', [TAG.bytes, 99, 0]],
    ['half an element', [TAG.bytes, 5, 1, 0]],
    ['a bigint without digits', [TAG.bigint, 0]],
    ['a number as a name', [TAG.object, 1, TAG.null, TAG.null]],
    ['a hole at the top', [TAG.hole]],
    ['a hole in a Set', [TAG.set, 1, TAG.hole]],
  ])('are rejected: %s', (_, list) => {
    expect(() => readBinary(bytes(...list))).toThrowError(SerializationError);
  });

  it('bytes with unbounded nesting are rejected before the stack overflows', () => {
    const deep = Buffer.alloc(200_000, Buffer.from([TAG.array, 1]));
    expect(() => readBinary(deep)).toThrowError(/deeper than 500/);
  });

  it('cannot change a prototype', () => {
    const name = Buffer.from('__proto__');
    const hostile = Buffer.concat([
      bytes(TAG.object, 1, TAG.ascii, name.length),
      name,
      writeBinary({ polluted: true }),
    ]);
    const value = readBinary(hostile) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value.polluted).toBeUndefined();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('are limited to the size that Redis accepts', () => {
    expect(BYTES_MAX).toBeLessThan(512 * 1024 * 1024);
  });
});
