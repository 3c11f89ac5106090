/**
 * Compresses large payloads with raw deflate, which Node and most languages provide, without a header. Level 1: compression delays
 * the caller, and level 1 reaches most of the gain.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BYTES_MAX } from './binary-format.ts';

/** Deflate only if it saves a tenth: each reader pays for the inflation. */
const GAIN = 0.9;

/** undefined: not small enough, keep the original. */
export function deflated(payload: string | Uint8Array): Buffer | undefined {
  const small = deflateRawSync(payload, { level: 1 });
  return small.length <= Buffer.byteLength(payload) * GAIN ? small : undefined;
}

/**
 * @throws RangeError the content exceeds `maxBytes` (protection against decompression bombs); Error: the bytes are not
 * deflated
 */
export function inflated(payload: Uint8Array, maxBytes = BYTES_MAX): Buffer {
  return inflateRawSync(payload, { maxOutputLength: maxBytes });
}
