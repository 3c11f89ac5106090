/**
 * What stands in Redis: a header of 12 bytes, then the payload.
 *
 *   0   magic 0xCE   1   format version   2   codec   3   header length   4-7   schema hash   8-11   CRC-32
 *
 * The checksum covers header and payload, so that a cut, flipped or foreign value is recognised and never returned. The
 * header's length is in the header: later formats may carry more, and this one reads them as far as it knows them.
 */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { SerializationError } from './errors.ts';

const MAGIC = 0xce;
const FORMAT = 1;
const HEADER = 12;
const CODEC = { json: 1, bytes: 2 } as const;

export type DecodeFailure = 'foreign' | 'format' | 'corrupt' | 'schema' | 'codec';

export type Decoded =
  | { readonly ok: true; readonly value: unknown; readonly schema: number }
  | { readonly ok: false; readonly reason: DecodeFailure };

export interface EnvelopeOptions {
  /** Name of the value's shape, such as `user@3`; part of the envelope as a hash. Absent: none. */
  readonly schemaId?: string | undefined;
}

/** @throws SerializationError the value would not read back as it is */
export function encodeEnvelope(value: unknown, options: EnvelopeOptions = {}): Buffer {
  const bytes = value instanceof Uint8Array;
  const payload = bytes ? value : jsonOf(value);
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  const envelope = Buffer.allocUnsafe(HEADER + length);
  envelope[0] = MAGIC;
  envelope[1] = FORMAT;
  envelope[2] = bytes ? CODEC.bytes : CODEC.json;
  envelope[3] = HEADER;
  envelope.writeUInt32LE(schemaHash(options.schemaId), 4);
  if (typeof payload === 'string') envelope.write(payload, HEADER, 'utf8');
  else envelope.set(payload, HEADER);
  envelope.writeUInt32LE(checksum(envelope, HEADER), 8);
  return envelope;
}

/** Never throws. With a `schemaId`, a value that was written under another is refused. */
export function decodeEnvelope(envelope: Uint8Array, options: EnvelopeOptions = {}): Decoded {
  const buffer = Buffer.isBuffer(envelope)
    ? envelope
    : Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength);
  if (buffer.length < HEADER || buffer[0] !== MAGIC) return { ok: false, reason: 'foreign' };
  const header = buffer[3] as number;
  if (buffer[1] !== FORMAT) return { ok: false, reason: 'format' };
  if (header < HEADER || header > buffer.length) return { ok: false, reason: 'corrupt' };
  if (checksum(buffer, header) !== buffer.readUInt32LE(8)) return { ok: false, reason: 'corrupt' };
  const schema = buffer.readUInt32LE(4);
  if (options.schemaId !== undefined && schema !== schemaHash(options.schemaId))
    return { ok: false, reason: 'schema' };
  if (buffer[2] === CODEC.bytes) return { ok: true, value: Buffer.from(buffer.subarray(header)), schema };
  if (buffer[2] !== CODEC.json) return { ok: false, reason: 'codec' };
  try {
    return { ok: true, value: JSON.parse(buffer.toString('utf8', header)), schema };
  } catch {
    return { ok: false, reason: 'corrupt' };
  }
}

const hashes = new Map<string, number>();

function schemaHash(schemaId: string | undefined): number {
  if (schemaId === undefined) return 0;
  let hash = hashes.get(schemaId);
  if (hash === undefined) {
    // 0 means none.
    hash = createHash('sha256').update(schemaId).digest().readUInt32LE(0) || 1;
    if (hashes.size < 10_000) hashes.set(schemaId, hash);
  }
  return hash;
}

/** Everything but the checksum's own four bytes. */
function checksum(buffer: Buffer, header: number): number {
  return crc32(buffer.subarray(Math.min(12, header)), crc32(buffer.subarray(0, 8)));
}

let table: Uint32Array | undefined;

/** zlib has it from Node 20.15 and 22.2 on. */
const crc32: (data: Buffer, seed?: number) => number =
  typeof zlib.crc32 === 'function' ? (data, seed) => zlib.crc32(data, seed) : crc32InScript;

export function crc32InScript(data: Uint8Array, seed = 0): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  let crc = ~seed;
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** JSON is the codec of plain data. What it would change silently at the top is refused. */
function jsonOf(value: unknown): string {
  if (value === undefined) throw new SerializationError('undefined cannot be stored: it means a miss');
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new SerializationError(`${value} cannot be stored: JSON makes it null`);
  if (value instanceof Map || value instanceof Set || value instanceof Date || ArrayBuffer.isView(value))
    throw new SerializationError(
      `A ${value.constructor.name} cannot be stored as JSON; store plain data or bytes`,
    );
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new SerializationError(`The value cannot be stored: ${(error as Error).message}`, error);
  }
  if (text === undefined) throw new SerializationError(`A ${typeof value} cannot be stored`);
  return text;
}
