import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32InScript } from '../../../client/codec/envelope.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../client/envelope.ts';
import { SerializationError } from '../../../client/index.ts';

const bytes = fc.uint8Array({ maxLength: 200 });

describe('the envelope', () => {
  it('returns every JSON value unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const decoded = decodeEnvelope(encodeEnvelope(value));
        expect(decoded.ok && isDeepStrictEqual(decoded.value, value)).toBe(true);
      }),
    );
  });

  it('returns bytes unchanged, a Buffer as a Buffer and a Uint8Array as a Uint8Array', () => {
    fc.assert(
      fc.property(bytes, fc.boolean(), (content, isBuffer) => {
        const value = isBuffer ? Buffer.from(content) : content;
        const decoded = decodeEnvelope(encodeEnvelope(value, { deflateAboveBytes: 50 }));
        expect(decoded.ok && isDeepStrictEqual(decoded.value, value)).toBe(true);
      }),
    );
  });

  it('adds 12 bytes to the payload', () => {
    expect(encodeEnvelope({ a: 1 }).length - JSON.stringify({ a: 1 }).length).toBe(12);
  });

  it('carries freshness in 8 bytes, and each tag in 16 bytes', () => {
    const stamp = fc.record({
      id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => n.toString(16).padStart(16, '0')),
      version: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => n.toString(16).padStart(16, '0')),
    });
    fc.assert(
      fc.property(
        fc.option(fc.record({ freshUntilMs: fc.nat(2 ** 45), loadMs: fc.nat(65_535) }), { nil: undefined }),
        fc.array(stamp, { maxLength: 64 }),
        (freshness, tags) => {
          const envelope = encodeEnvelope({ a: 1 }, { freshness, tags });
          expect(envelope.length).toBe(12 + (freshness ? 8 : 0) + 16 * tags.length + '{"a":1}'.length);
          const decoded = decodeEnvelope(envelope);
          expect(decoded).toMatchObject({ ok: true, value: { a: 1 } });
          expect(decoded.ok && decoded.freshness).toEqual(freshness);
          expect((decoded.ok && decoded.tags) || []).toEqual(tags);
        },
      ),
    );
  });

  it('marks a negative result when asked to', () => {
    expect(decodeEnvelope(encodeEnvelope(undefined, { nothing: true }))).toMatchObject({
      ok: true,
      value: undefined,
    });
  });

  it('deflates only payloads of at least the configured size, and only when the result is smaller', () => {
    const text = 'a'.repeat(1000);
    expect(encodeEnvelope(text, { deflateAboveBytes: 1002 }).length).toBeLessThan(100);
    expect(encodeEnvelope(text, { deflateAboveBytes: 1003 }).length).toBe(12 + 1002);
    expect(decodeEnvelope(encodeEnvelope(text, { deflateAboveBytes: 1 }))).toMatchObject({ value: text });
    expect(encodeEnvelope('ab', { deflateAboveBytes: 1 }).length).toBe(12 + 4);
  });

  it('rejects arbitrary bytes without throwing', () => {
    fc.assert(fc.property(bytes, (garbage) => !decodeEnvelope(garbage).ok));
  });

  it('detects every truncation and every flipped byte', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, flip) => {
        const envelope = encodeEnvelope(value, { schemaId: 'v1' });
        const cut = envelope.subarray(0, place % envelope.length);
        expect(decodeEnvelope(cut).ok).toBe(false);
        const flipped = Buffer.from(envelope);
        flipped[place % envelope.length] = (flipped[place % envelope.length] as number) ^ flip;
        expect(decodeEnvelope(flipped).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('rejects a value with a different schema or with no schema when a schema is required', () => {
    const envelope = encodeEnvelope(1, { schemaId: 'user@2' });
    expect(decodeEnvelope(envelope, { schemaId: 'user@2' })).toMatchObject({ ok: true });
    expect(decodeEnvelope(envelope)).toMatchObject({ ok: true });
    expect(decodeEnvelope(envelope, { schemaId: 'user@3' })).toEqual({ ok: false, reason: 'schema' });
    expect(decodeEnvelope(encodeEnvelope(1), { schemaId: 'user@3' })).toEqual({
      ok: false,
      reason: 'schema',
    });
  });

  it('reports why a payload is rejected', () => {
    const reason = (payload: Buffer): unknown => decodeEnvelope(payload);
    expect(reason(Buffer.from('{"a":1}'))).toEqual({ ok: false, reason: 'foreign' });
    const envelope = encodeEnvelope({ a: 1 });
    const later = Buffer.from(envelope);
    later[1] = 9;
    expect(reason(later)).toEqual({ ok: false, reason: 'format' });
    expect(reason(envelope.subarray(0, envelope.length - 1))).toEqual({ ok: false, reason: 'corrupt' });
  });

  it('refuses to store a value that would be read back as a different one', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    for (const bad of [
      undefined,
      Number.NaN,
      1n,
      cycle,
      new Map(),
      new Set(),
      new Date(),
      () => 1,
      new Float64Array(1),
    ])
      expect(() => encodeEnvelope(bad)).toThrowError(SerializationError);
  });

  it('keeps null, false, 0 and the empty string', () => {
    for (const value of [null, false, 0, ''])
      expect(decodeEnvelope(encodeEnvelope(value))).toMatchObject({ ok: true, value });
  });

  it('computes the same checksum without zlib', () => {
    expect(crc32InScript(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32InScript(Buffer.from('6789'), crc32InScript(Buffer.from('12345')))).toBe(0xcbf43926);
  });
});
