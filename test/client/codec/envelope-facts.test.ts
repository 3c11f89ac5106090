/** Headers of stored entries, as tools read them. */
import { describe, expect, it } from 'vitest';
import { encodePlaceholder } from '../../../client/codec/placeholder.ts';
import {
  describeEnvelope,
  ENVELOPE_HEADER_MAX,
  encodeEnvelope,
  tagIdOf,
  tagVersionKey,
} from '../../../client/envelope.ts';
import { binaryCodec } from '../../../client/index.ts';

const TAG = { id: tagIdOf('users'), version: '0123456789abcdef' };

describe('describeEnvelope', () => {
  it('reads the codec, freshness, tags and sizes of an entry', () => {
    const entry = encodeEnvelope(
      { a: 1 },
      { freshness: { freshUntilMs: 1_700_000_000_000, loadMs: 42 }, tags: [TAG] },
    );
    expect(describeEnvelope(entry)).toEqual({
      format: 2,
      codec: 'json',
      deflated: false,
      schema: null,
      freshness: { freshUntilMs: 1_700_000_000_000, loadMs: 42 },
      tags: [TAG],
      headerBytes: 36,
      payloadBytes: 7,
      intact: true,
    });
  });

  it('names the codecs, and reads the flag for a deflated payload', () => {
    const codecs = [
      encodeEnvelope(new Uint8Array([1])),
      encodeEnvelope(Buffer.from('a')),
      encodeEnvelope(new Date(0), { codec: binaryCodec }),
      encodeEnvelope(undefined, { nothing: true }),
    ].map((entry) => describeEnvelope(entry)?.codec);
    expect(codecs).toEqual(['array', 'buffer', 'binary', 'nothing']);
    expect(describeEnvelope(encodeEnvelope('x'.repeat(1000), { deflateAboveBytes: 10 }))).toMatchObject({
      deflated: true,
    });
  });

  it('reads the tags from a truncated entry, and reports it as not intact', () => {
    const head = encodeEnvelope('x'.repeat(5000), { tags: [TAG] }).subarray(0, ENVELOPE_HEADER_MAX);
    expect(describeEnvelope(head)).toMatchObject({ tags: [TAG], intact: false });
  });

  it('distinguishes a lease from an entry', () => {
    expect(describeEnvelope(encodePlaceholder('0123456789abcdef'))).toMatchObject({ lease: true });
    expect(describeEnvelope(encodeEnvelope(1))).not.toHaveProperty('lease');
  });

  it('reports a flipped bit, and returns undefined for bytes that are not an envelope', () => {
    const entry = encodeEnvelope({ a: 1 });
    entry[entry.length - 1] = (entry.at(-1) ?? 0) ^ 1;
    expect(describeEnvelope(entry)).toMatchObject({ intact: false });
    expect(describeEnvelope(Buffer.from('plain text, no envelope'))).toBeUndefined();
    expect(describeEnvelope(Buffer.alloc(0))).toBeUndefined();
    expect(describeEnvelope(encodeEnvelope(1, { tags: [TAG] }).subarray(0, 20))).toBeUndefined();
  });
});

it('the key of a tag version starts with the namespace', () => {
  expect(tagVersionKey('shop', tagIdOf('users'))).toMatch(/^shop:~tag:[0-9a-f]{16}$/);
});
