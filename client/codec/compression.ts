/**
 * Compression of large payloads: raw deflate, because its header of zero bytes and its inflation on every Node and in
 * every other language cost least. Level 1: a cache is written on the request's time.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { ConfigurationError, SerializationError } from '../errors.ts';
import { BYTES_MAX } from './binary-format.ts';

export interface CompressionOptions {
  /** Payloads of at least this many bytes are compressed; default: none are. Below about 512 it rarely pays. */
  readonly aboveBytes?: number;
}

/** Worth it only when a tenth is gained: a reader pays for the inflation. */
const GAIN = 0.9;

/** undefined: not smaller by enough, leave it as it is. */
export function deflated(payload: Uint8Array): Buffer | undefined {
  const small = deflateRawSync(payload, { level: 1 });
  return small.length <= payload.byteLength * GAIN ? small : undefined;
}

/** @throws SerializationError not deflated bytes, or more than `maxBytes` of content: a bomb is not unpacked */
export function inflated(payload: Uint8Array, maxBytes = BYTES_MAX): Buffer {
  try {
    return inflateRawSync(payload, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new SerializationError(`The payload does not inflate: ${(error as Error).message}`, error);
  }
}

/** null: nothing is compressed. */
export function resolveAboveBytes(path: string, value: number | undefined): number | null {
  if (value === undefined) return null;
  if (!Number.isInteger(value) || value < 1)
    throw new ConfigurationError(`${path}: ${String(value)} is not a whole number of bytes from 1`);
  return value;
}
