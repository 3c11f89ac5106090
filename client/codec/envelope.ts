/**
 * Format of an entry in Redis: a header of 12 bytes or more, then the payload.
 *
 *   0      magic 0xCE
 *   1      format version
 *   2      low half: codec (0 Uint8Array, 1 JSON, 2 Buffer, 4 no value, others by `codecs`);
 *          high half: 0x10 deflated, 0x20 with freshness
 *   3      number of tags
 *   4-7    CRC-32 of the bytes after it, seeded with the bytes before it
 *   8-11   hash of the name of the schema, 0 for none
 *   + 8    with freshness: fresh until (48 bits, Unix time in ms), duration of the load (uint16, ms)
 *   + 16   per tag: 8 bytes of its id, 8 of its version
 *
 * The checksum detects truncated, damaged and foreign values; they are never returned. Without tags an entry has an
 * overhead of at most 20 bytes. Left out: the codec of a key (`codec.ts`), and whether the version of a tag is current
 * (`invalidation/tags/`).
 */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import type { Codec } from '../api/codec.ts';
import { SerializationError } from '../api/errors.ts';
import { assertName } from '../keys/identity.ts';
import { BYTES_MAX, bytesOf } from './binary-format.ts';
import { deflated, inflated } from './compression.ts';
import { writeJson } from './json.ts';

export const MAGIC = 0xce;
export const FORMAT = 2;
export const HEADER = 12;
export const FRESHNESS = 8;
export const TAG = 16;
export const DEFLATED = 0x10;
export const FRESH = 0x20;
export const CODEC = { array: 0, json: 1, buffer: 2, nothing: 4 } as const;
/** Whether the envelope itself decodes values of the codec with this id. */
const IS_BUILT_IN = [true, true, true, false, true];
/** Maximum number of tags, for writers and readers. The header has one byte for the number of tags. */
export const TAGS_MAX = 64;
/**
 * Maximum size of an entry, the default of `proto-max-bulk-len`: the server closes a connection that sends a longer
 * value.
 */
const ENVELOPE_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Reason why bytes are not a value: not an envelope, a different format version, damaged, a different `schemaId`, or an
 * unknown codec.
 */
export type DecodeFailure = 'foreign' | 'format' | 'corrupt' | 'schema' | 'codec';

/** Time at which a value becomes stale, and the duration of its load. Both are used for early refresh and grace. */
export interface Freshness {
  /** Unix time in ms. */
  readonly freshUntilMs: number;
  /**
   * Duration of the load, in ms; a longer load is stored as 65535. 0: unknown, and the entry expires with its TTL in
   * Redis.
   */
  readonly loadMs: number;
}

/** Whether Redis drops the entry as soon as it is no longer fresh. A placeholder (freshness 0) is never fresh. */
export const endsWithTtl = ({ freshUntilMs, loadMs }: Freshness): boolean => loadMs === 0 && freshUntilMs > 0;

/**
 * Tag in an entry: its id and its version, each 16 hexadecimal digits. The entry is valid while the version is the
 * tag's current version.
 */
export interface TagStamp {
  readonly id: string;
  readonly version: string;
}

/** Decoded bytes, or the reason why they are not a value. */
export type Decoded =
  | {
      readonly ok: true;
      /** Decoded value; undefined if the entry records that there is no value (negative caching). */
      readonly value: unknown;
      readonly schema: number;
      readonly freshness?: Freshness;
      readonly tags?: readonly TagStamp[];
      /** Inflated size of a deflated payload. */
      readonly contentBytes?: number;
    }
  | { readonly ok: false; readonly reason: DecodeFailure };

/** Metadata of an entry. */
export interface EncodeOptions {
  /** Name of the value's shape, such as `user@3`, stored as a hash. Absent: none. */
  readonly schemaId?: string | undefined;
  /** Codec for the value. Default: JSON, with binary data stored unchanged. */
  readonly codec?: Codec | undefined;
  /** Freshness of the value. Default: fresh as long as Redis keeps the entry. */
  readonly freshness?: Freshness | undefined;
  /** Tags, at most 64; default: none. */
  readonly tags?: readonly TagStamp[] | undefined;
  /**
   * Minimum size, in bytes, of the payloads to deflate. A payload is deflated only if that saves at least a tenth of
   * its size. If absent, no payload is deflated.
   */
  readonly deflateAboveBytes?: number | undefined;
  /** Encodes `undefined` as an entry for "no value" instead of refusing it. */
  readonly nothing?: boolean | undefined;
}

/** Requirements of a reader. */
export interface DecodeOptions {
  /** Refuses an entry with a different schema name; if absent, any name is accepted. */
  readonly schemaId?: string | undefined;
  /** With a `schemaId`: also accepts an entry without a schema name; default false. */
  readonly orNameless?: boolean | undefined;
  /** Additional codecs that entries may use, by id; absent: JSON and bytes only. */
  readonly codecs?: ReadonlyMap<number, Codec> | undefined;
}

interface Payload {
  readonly codec: number;
  readonly bytes: string | Uint8Array;
}

/**
 * Checks the number of tags.
 *
 * @throws SerializationError if there are more names than an entry can store; duplicates count once
 */
export function assertFewTags(tags: readonly string[]): void {
  if (tags.length <= TAGS_MAX) return;
  const { size } = new Set(tags);
  if (size > TAGS_MAX) throw new SerializationError(`${size} tags on one entry; at most ${TAGS_MAX}`);
}

/** Encodes a value for Redis. @throws SerializationError if the value cannot be restored exactly */
export function encodeEnvelope(value: unknown, options: EncodeOptions = {}): Buffer {
  const { freshness, tags = [] } = options;
  if (tags.length > TAGS_MAX)
    throw new SerializationError(`${tags.length} tags on one entry; at most ${TAGS_MAX}`);
  let { codec, bytes } = payloadOf(value, options);
  let length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength;
  let flags = freshness ? FRESH : 0;
  if (options.deflateAboveBytes !== undefined && length >= options.deflateAboveBytes) {
    // Readers inflate no more than this size, so that a small entry cannot fill their memory.
    if (length > BYTES_MAX) throw tooLarge(length, BYTES_MAX, 'with deflateAboveBytes');
    const smaller = deflated(bytes);
    if (smaller) {
      bytes = smaller;
      length = smaller.length;
      flags |= DEFLATED;
    }
  }
  const header = HEADER + (freshness ? FRESHNESS : 0) + TAG * tags.length;
  if (header + length > ENVELOPE_BYTES_MAX)
    throw tooLarge(length, ENVELOPE_BYTES_MAX - header, 'as one value of Redis');
  const envelope = Buffer.allocUnsafe(header + length);
  envelope[0] = MAGIC;
  envelope[1] = FORMAT;
  envelope[2] = codec | flags;
  envelope[3] = tags.length;
  envelope.writeUInt32LE(schemaHash(options.schemaId), 8);
  let at = HEADER;
  if (freshness) {
    writeFreshness(envelope, at, freshness);
    at += FRESHNESS;
  }
  for (const { id, version } of tags) {
    if (envelope.write(id, at, 8, 'hex') + envelope.write(version, at + 8, 8, 'hex') !== TAG)
      throw new SerializationError(
        `tags: ${JSON.stringify({ id, version })} must be two strings of 16 hexadecimal digits`,
      );
    at += TAG;
  }
  if (typeof bytes === 'string') envelope.write(bytes, header, 'utf8');
  else envelope.set(bytes, header);
  return sealEnvelope(envelope);
}

/** Writes the checksum into a complete envelope. */
export function sealEnvelope(envelope: Buffer): Buffer {
  envelope.writeUInt32LE(checksumOf(envelope), 4);
  return envelope;
}

/** Decodes an envelope. Never throws. With a `schemaId`, a value with a different schema name is refused. */
export function decodeEnvelope(envelope: Uint8Array, options: DecodeOptions = {}): Decoded {
  const buffer = Buffer.isBuffer(envelope)
    ? envelope
    : Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength);
  if (buffer.length < HEADER || buffer[0] !== MAGIC) return { ok: false, reason: 'foreign' };
  if (buffer[1] !== FORMAT) return { ok: false, reason: 'format' };
  const kind = buffer[2] as number;
  const tagCount = buffer[3] as number;
  const header = HEADER + ((kind & FRESH) === 0 ? 0 : FRESHNESS) + TAG * tagCount;
  if (tagCount > TAGS_MAX || header > buffer.length || checksumOf(buffer) !== buffer.readUInt32LE(4))
    return { ok: false, reason: 'corrupt' };
  const schema = buffer.readUInt32LE(8);
  const { schemaId } = options;
  if (schemaId !== undefined && schema !== schemaHash(schemaId) && (schema !== 0 || !options.orNameless))
    return { ok: false, reason: 'schema' };
  const codec = kind & 0x0f;
  const foreign = options.codecs?.get(codec);
  if (IS_BUILT_IN[codec] !== true && foreign === undefined) return { ok: false, reason: 'codec' };
  try {
    const content = (kind & DEFLATED) === 0 ? undefined : inflated(buffer.subarray(header));
    const value = content
      ? payloadValue(content, 0, codec, foreign)
      : payloadValue(buffer, header, codec, foreign);
    if (kind <= 0x0f && tagCount === 0) return { ok: true, value, schema };
    const fresh = (kind & FRESH) !== 0;
    return {
      ok: true,
      value,
      schema,
      ...(content && { contentBytes: content.length }),
      ...(fresh && { freshness: readFreshness(buffer, HEADER) }),
      ...(tagCount > 0 && { tags: readTags(buffer, HEADER + (fresh ? FRESHNESS : 0), tagCount) }),
    };
  } catch {
    return { ok: false, reason: 'corrupt' };
  }
}

/**
 * Returns the offset of the JSON in an entry that consists of fresh JSON without tags, as most entries do. 0: another
 * kind of entry, or a damaged one; `decodeEnvelope` determines which. For bulk reads: no object is created per entry,
 * and checking and parsing each entry in turn is a tenth faster than doing all checks before all parses.
 */
export function plainAt(buffer: Buffer, nowMs: number): number {
  if (buffer.length < HEADER || buffer[0] !== MAGIC || buffer[1] !== FORMAT || buffer[3] !== 0) return 0;
  const kind = buffer[2];
  const fresh = kind === (CODEC.json | FRESH);
  if (kind !== CODEC.json && !fresh) return 0;
  const header = fresh ? HEADER + FRESHNESS : HEADER;
  if (header > buffer.length || checksumOf(buffer) !== buffer.readUInt32LE(4)) return 0;
  return fresh && buffer.readUIntLE(HEADER, 6) <= nowMs ? 0 : header;
}

/** Returns the value of an entry that `plainAt` has accepted; undefined if it is not JSON. */
export function plainValue(buffer: Buffer, at: number): unknown {
  try {
    return JSON.parse(buffer.toString('utf8', at));
  } catch {
    return undefined;
  }
}

/** Whether a valid envelope contains JSON. A value decoded from JSON can be frozen. */
export function isJson(envelope: Buffer): boolean {
  return ((envelope[2] as number) & 0x0f) === CODEC.json;
}

/** Reads only the freshness; undefined if there is none, or the bytes are not an envelope. */
export function freshnessOf(envelope: Buffer): Freshness | undefined {
  const has = envelope.length >= HEADER + FRESHNESS && envelope[0] === MAGIC && envelope[1] === FORMAT;
  return has && ((envelope[2] as number) & FRESH) !== 0 ? readFreshness(envelope, HEADER) : undefined;
}

function payloadOf(value: unknown, { codec, nothing }: EncodeOptions): Payload {
  if (value === undefined && nothing) return { codec: CODEC.nothing, bytes: '' };
  if (value === undefined) throw new SerializationError('undefined cannot be stored: it means a miss');
  if (codec === undefined) return rawBytes(value) ?? { codec: CODEC.json, bytes: writeJson(value) };
  const bytes = codec.encode(value);
  if (!(bytes instanceof Uint8Array))
    throw new SerializationError(
      `codec ${codec.id}: encode() must return a Uint8Array, got a ${typeof bytes}`,
    );
  return { codec: codec.id, bytes };
}

/** Returns the payload of a Buffer or Uint8Array, which needs no codec. */
function rawBytes(value: unknown): Payload | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  const bytes = bytesOf(value)?.content;
  const { prototype } = Uint8Array;
  const codec = Object.getPrototypeOf(value) === prototype ? CODEC.array : CODEC.buffer;
  return bytes && { codec, bytes };
}

function tooLarge(bytes: number, maxBytes: number, how: string): SerializationError {
  return new SerializationError(
    `The value has ${bytes} bytes; at most ${maxBytes} can be stored ${how}. Store its parts under separate keys`,
  );
}

function payloadValue(buffer: Buffer, from: number, kind: number, codec: Codec | undefined): unknown {
  if (kind === CODEC.json) return JSON.parse(buffer.toString('utf8', from));
  const payload = buffer.subarray(from);
  switch (kind) {
    case CODEC.buffer:
      return Buffer.from(payload);
    case CODEC.array:
      return new Uint8Array(payload);
    case CODEC.nothing:
      return undefined;
    default:
      return codec?.decode(payload);
  }
}

function writeFreshness(envelope: Buffer, at: number, { freshUntilMs, loadMs }: Freshness): void {
  envelope.writeUIntLE(Math.min(ENDLESS_MS, Math.max(0, Math.round(freshUntilMs))), at, 6);
  envelope.writeUInt16LE(Math.min(0xffff, Math.max(0, Math.round(loadMs))), at + 6);
}

export function readFreshness(buffer: Buffer, at: number): Freshness {
  return {
    freshUntilMs: buffer.readUIntLE(at, 6),
    loadMs: buffer.readUInt16LE(at + 6),
  };
}

/** Unlimited freshness: the latest time that the header can hold. */
export const ENDLESS_MS = 2 ** 48 - 1;

/** Returns the same entry, fresh until a different time; undefined if the entry has no freshness. */
export function withFreshness(envelope: Buffer, freshUntilMs: number): Buffer | undefined {
  if (((envelope[2] as number) & FRESH) === 0) return undefined;
  const changed = Buffer.from(envelope);
  writeFreshness(changed, HEADER, { ...readFreshness(envelope, HEADER), freshUntilMs });
  return sealEnvelope(changed);
}

export function readTags(buffer: Buffer, at: number, count: number): readonly TagStamp[] {
  return Array.from({ length: count }, (_, i) => {
    const from = at + i * TAG;
    return {
      id: buffer.toString('hex', from, from + 8),
      version: buffer.toString('hex', from + 8, from + TAG),
    };
  });
}

const hashes = new Map<string, number>();

function schemaHash(schemaId: string | undefined): number {
  if (schemaId === undefined) return 0;
  let hash = hashes.get(schemaId);
  if (hash === undefined) {
    assertName('schemaId', schemaId);
    // The hash 0 means that there is no schema.
    hash = createHash('sha256').update(schemaId).digest().readUInt32LE(0) || 1;
    if (hashes.size < 10_000) hashes.set(schemaId, hash);
  }
  return hash;
}

/**
 * Returns the checksum. The first four bytes are the seed, so one call covers all bytes, and any flipped bit changes
 * the checksum.
 */
export function checksumOf(buffer: Buffer): number {
  return crc32(buffer.subarray(8), buffer.readUInt32LE(0));
}

let table: Uint32Array | undefined;

/** zlib has provided this function since Node 20.15 and 22.2. */
const crc32: (data: Buffer, seed?: number) => number =
  typeof zlib.crc32 === 'function' ? zlib.crc32 : crc32InScript;

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
