/**
 * Compresses large payloads with raw deflate, which has no header and is available in Node and most languages. The
 * level is 1: compression delays the caller, and level 1 achieves most of the gain.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BYTES_MAX } from './binary-format.ts';

/**
 * A payload is stored deflated if its deflated size is at most this share of its original size. Deflating must save at
 * least a tenth, because every read has to inflate the payload.
 */
const GAIN = 0.9;

/** Returns the deflated payload; undefined if the saving is too small. */
export function deflated(payload: string | Uint8Array): Buffer | undefined {
  const small = deflateRawSync(payload, { level: 1 });
  return small.length <= Buffer.byteLength(payload) * GAIN ? small : undefined;
}

/**
 * Inflates a payload.
 *
 * @throws RangeError if the content exceeds `maxBytes` (protection against decompression bombs); Error if the bytes are
 * not deflated
 */
export function inflated(payload: Uint8Array, maxBytes = BYTES_MAX): Buffer {
  return inflateRawSync(payload, { maxOutputLength: maxBytes });
}
