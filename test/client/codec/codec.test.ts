/** Codec selection per key, compression and its limits, and shape names. */
import { runInNewContext } from 'node:vm';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Codec } from '../../../client/api/codec.ts';
import { BYTES_MAX } from '../../../client/codec/binary-format.ts';
import { CodecSelection } from '../../../client/codec/codec.ts';
import { deflated, inflated } from '../../../client/codec/compression.ts';
import { decodeEnvelope, encodeEnvelope, schemaIdOf } from '../../../client/envelope.ts';
import {
  binaryCodec,
  buildKey,
  ConfigurationError,
  memoryCache,
  SerializationError,
} from '../../../client/index.ts';
import type { StandardSchema } from '../../../client/types.ts';

const own: Codec = {
  id: 8,
  encode: (value) => Buffer.from(String(value)),
  decode: (bytes) => Buffer.from(bytes).toString(),
};

/** Codec ids that a selection returns for the keys; 1 is JSON. */
const ids = (selection: CodecSelection, ...keys: readonly string[]): readonly number[] =>
  keys.map((key) => selection.of(key)?.id ?? 1);

describe('the codec of a key', () => {
  it('is JSON by default', () => {
    expect(new CodecSelection().of('anything')).toBeUndefined();
  });

  it('is selected by the first matching rule: a substring, a star pattern or a regular expression', () => {
    const selection = new CodecSelection([
      { pattern: 'session:', codec: 'binary' },
      { pattern: 'v*:graph:*', codec: 'binary' },
      { pattern: /^t\d+$/, codec: own },
      { pattern: 't', codec: 'json' },
    ]);
    const keys = ['x:session:1', 'v1:graph:1', 'v1:graph', 'v:graph:', 't1', 'ta'];
    expect(ids(selection, ...keys)).toEqual([3, 3, 1, 3, 8, 1]);
  });

  it('remains JSON for api:, response: and config: even if the default differs, unless a rule matches', () => {
    const selection = new CodecSelection([{ pattern: 'api:rich:*', codec: 'binary' }], 'binary');
    const keys = ['api:x', 'v1:response:1', 'config:ui', 'api:rich:1', 'model:1'];
    expect(ids(selection, ...keys)).toEqual([1, 1, 1, 3, 3]);
  });

  it('is found by the id in the envelope, independently of the current rules', () => {
    const { byId } = new CodecSelection([{ pattern: 'x', codec: own }]);
    expect([...byId.keys()]).toEqual([3, 8]);
    const rich = { at: new Date(1), tags: new Set(['a']), big: 2n ** 70n };
    const envelope = encodeEnvelope(rich, { codec: binaryCodec, deflateAboveBytes: 1 });
    expect(decodeEnvelope(envelope, { codecs: byId })).toMatchObject({ ok: true, value: rich });
    expect(decodeEnvelope(envelope)).toEqual({ ok: false, reason: 'codec' });
  });

  it('is memoized for a bounded number of keys', () => {
    const selection = new CodecSelection([{ pattern: '7', codec: 'binary' }]);
    for (let i = 0; i < 20_001; i++) selection.of(`k${i}`);
    expect(ids(selection, 'k7', 'k8')).toEqual([3, 1]);
  });

  it('can be chosen by a regular expression from another realm', () => {
    const pattern = runInNewContext('/^k/') as RegExp;
    const selection = new CodecSelection([{ pattern, codec: 'binary' }]);
    expect(ids(selection, 'k', 'other')).toEqual([3, 1]);
  });

  it('is the same for a star pattern and for the equivalent regular expression', () => {
    const letters = fc
      .string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 6 })
      .filter((text) => text.includes('*'));
    const keys = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    fc.assert(
      fc.property(letters, keys, (pattern, key) => {
        const expected = new RegExp(`^${pattern.replace(/\*+/g, '.*')}$`).test(key);
        expect(new CodecSelection([{ pattern, codec: 'binary' }]).of(key)?.id === 3).toBe(expected);
      }),
    );
  });

  it.each<[string, () => unknown, string | RegExp]>([
    [
      'an unknown name',
      () => new CodecSelection([{ pattern: 'x', codec: 'yaml' as 'json' }]),
      /codecs\[0\]\.codec: must .*, got "yaml"/,
    ],
    [
      'a name of Object',
      () => new CodecSelection([], 'constructor' as 'json'),
      /defaultCodec: must .*, got "constructor"/,
    ],
    [
      'a built-in id',
      () => new CodecSelection([{ pattern: 'x', codec: { ...own, id: 3 } }]),
      /codecs\[0\]\.codec\.id: must .*, got 3/,
    ],
    [
      'a duplicate id',
      () => new CodecSelection([{ pattern: 'x', codec: own }], { ...own }),
      'id: 8 is already the id of another codec',
    ],
    [
      'an empty pattern',
      () => new CodecSelection([{ pattern: '', codec: 'json' }]),
      /codecs\[0\]\.pattern: must .*, got ""/,
    ],
    [
      'a regular expression with a position',
      () => new CodecSelection([{ pattern: /x/g, codec: 'json' }]),
      '/x/g',
    ],
  ])('is rejected: %s', (_, make, message) => {
    expect(make).toThrowError(ConfigurationError);
    expect(make).toThrowError(message);
  });
});

describe('a cache with rules', () => {
  it('uses the rich codec for matching keys, and JSON for all others', async () => {
    const cache = memoryCache({ codecs: [{ pattern: 'session:', codec: 'binary' }], deflateAboveBytes: 100 });
    const session = {
      since: new Date(5),
      seen: new Map([[1, new Set(['a'])]]),
      ids: new Uint32Array(200),
      none: undefined,
    };
    await cache.set('session:1', session);
    expect(await cache.get('session:1')).toStrictEqual(session);
    await expect(cache.set('other', session.seen)).rejects.toThrowError(SerializationError);
    await cache.close();
  });
});

describe('compression', () => {
  it('restores what it compressed, and leaves incompressible data unchanged', () => {
    const text = Buffer.from('the same words again, '.repeat(200));
    const small = deflated(text) as Buffer;
    expect(small.length).toBeLessThan(text.length / 10);
    expect(inflated(small)).toEqual(text);
    expect(deflated(binaryCodec.encode(crypto.getRandomValues(new Uint8Array(5000))))).toBeUndefined();
  });

  it('does not inflate a decompression bomb or foreign data', () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(60_000);
    expect(() => inflated(bomb, 1_000_000)).toThrowError(RangeError);
    expect(() => inflated(Buffer.from([0xff, 0xff, 0xff]))).toThrowError();
  });

  it('treats an envelope that contains a decompression bomb as corrupt', () => {
    const whole = encodeEnvelope('a'.repeat(1000), { deflateAboveBytes: 1 });
    const bomb = Buffer.concat([whole.subarray(0, 12), deflateRawSync(Buffer.alloc(BYTES_MAX + 1, '1'))]);
    bomb.writeUInt32LE(crc32(bomb.subarray(8), bomb.readUInt32LE(0)), 4);
    expect(bomb.length).toBeLessThan(1_000_000);
    expect(decodeEnvelope(bomb)).toEqual({ ok: false, reason: 'corrupt' });
  });

  it('refuses to write what readers refuse to inflate: one byte above 64 MiB', () => {
    const options = { deflateAboveBytes: 1000 };
    const largest = Buffer.alloc(BYTES_MAX, 'x');
    const decoded = decodeEnvelope(encodeEnvelope(largest, options));
    expect(decoded.ok && largest.equals(decoded.value as Buffer)).toBe(true);
    expect(() => encodeEnvelope(Buffer.alloc(BYTES_MAX + 1), options)).toThrowError(
      /^The value has 67108865 bytes; at most 67108864 can be stored with deflateAboveBytes/,
    );
    expect(() => encodeEnvelope(Buffer.alloc(BYTES_MAX + 1))).not.toThrow();
  });
});

describe('an envelope', () => {
  it('is rejected above the largest value that Redis accepts', () => {
    expect(() => encodeEnvelope(Buffer.alloc(512 * 1024 * 1024))).toThrowError(
      /at most 536870900 can be stored as one value of Redis/,
    );
  });

  it('accepts no more tags than a reader accepts, each with 16 hexadecimal digits', () => {
    const stamp = { id: '0123456789abcdef', version: 'fedcba9876543210' };
    const stamps = (count: number) => Array.from({ length: count }, () => stamp);
    expect(() => encodeEnvelope(1, { tags: stamps(65) })).toThrowError('65 tags on one entry; at most 64');
    const most = encodeEnvelope(1, { tags: stamps(64) });
    expect(decodeEnvelope(most)).toMatchObject({ ok: true, tags: stamps(64) });
    const more = Buffer.concat([most, Buffer.alloc(16)]);
    more[3] = 65;
    more.writeUInt32LE(crc32(more.subarray(8), more.readUInt32LE(0)), 4);
    expect(decodeEnvelope(more)).toEqual({ ok: false, reason: 'corrupt' });
    for (const bad of [
      { ...stamp, id: '' },
      { ...stamp, version: 'x'.repeat(16) },
    ])
      expect(() => encodeEnvelope(1, { tags: [bad] })).toThrowError(/tags: .* 16 hexadecimal digits/);
  });
});

describe('the schema name', () => {
  const shape = (fields: z.ZodRawShape): StandardSchema => z.object(fields) as unknown as StandardSchema;

  it('is derived from the schema, and differs for a different shape', () => {
    const id = schemaIdOf(shape({ a: z.string(), b: z.number() }));
    expect(id).toMatch(/^zod:[0-9a-f]{16}$/);
    expect(schemaIdOf(shape({ b: z.number(), a: z.string() }))).toMatch(/^zod:/);
    expect(schemaIdOf(shape({ a: z.string(), b: z.number() }))).toBe(id);
    expect(schemaIdOf(shape({ a: z.string(), b: z.string() }))).not.toBe(id);
  });

  it('is the explicit name if one is given, and absent if the validator has no JSON Schema', () => {
    const silent: StandardSchema = {
      '~standard': { version: 1, vendor: 'mine', validate: (value) => ({ value }) },
    };
    const failing = {
      '~standard': {
        ...silent['~standard'],
        jsonSchema: {
          input: () => {
            throw new Error('no JSON Schema');
          },
        },
      },
    } as StandardSchema;
    expect([schemaIdOf(silent), schemaIdOf(failing), schemaIdOf(undefined)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(schemaIdOf(silent, 'user@1')).toBe('user@1');
    const arktype = Object.assign(() => {}, silent, { toJsonSchema: () => ({ type: 'string' }) });
    expect(schemaIdOf(arktype)).toMatch(/^mine:[0-9a-f]{16}$/);
  });

  it('covers input and output, and leaves out parts without a JSON Schema', () => {
    const coerced = shape({ a: z.coerce.number() });
    const withDefault = shape({ a: z.number().default(1) });
    const ids = [coerced, withDefault, shape({ a: z.string().transform(Number) })].map((each) =>
      schemaIdOf(each),
    );
    expect(new Set(ids).size).toBe(3);
    expect(schemaIdOf(shape({ a: z.string(), at: z.date() }))).toMatch(/^zod:/);
    expect(schemaIdOf(shape({ a: z.string(), at: z.date() }))).toBe(
      schemaIdOf(shape({ a: z.string(), at: z.bigint() })),
    );
    const refined = z.object({ a: z.string() }).refine(() => false) as unknown as StandardSchema;
    expect(schemaIdOf(refined)).toBe(schemaIdOf(shape({ a: z.string() })));
  });

  it('becomes part of a key, after the version', () => {
    const schema = shape({ a: z.string() });
    const key = buildKey('user', 42, { version: 3, schema, namespace: 'shop' });
    expect(key).toMatch(/^shop:v3\.[0-9a-f]{8}:user:[0-9a-f]{16}$/);
    expect(buildKey('user', 42, { version: 3, schemaId: schemaIdOf(schema) })).toBe(
      key.slice('shop:'.length),
    );
    expect(buildKey('user', 42, { schemaId: 'user@2' })).not.toBe(
      buildKey('user', 42, { schemaId: 'user@1' }),
    );
    expect(buildKey('user', 42, {})).toBe(buildKey('user', 42, 1));
    expect(() => buildKey('user', 42, { schemaId: '' })).toThrowError(/schemaId: must .*, got ""/);
  });
});
