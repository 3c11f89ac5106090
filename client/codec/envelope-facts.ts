/** Header of a stored entry as data, for tools that inspect Redis. The value is not decoded. */
import {
  CODEC,
  checksumOf,
  DEFLATED,
  FORMAT,
  FRESH,
  FRESHNESS,
  type Freshness,
  HEADER,
  MAGIC,
  readFreshness,
  readTags,
  TAG,
  TAGS_MAX,
  type TagStamp,
} from './envelope.ts';
import { tokenOf } from './placeholder.ts';

/** Header of an entry. */
export interface EnvelopeFacts {
  /** Version of the format; only entries of the current version are read. */
  readonly format: number;
  /**
   * `json`, `binary`, `buffer`, `array` (Uint8Array), `nothing` (known to have no value), or the id of another codec.
   */
  readonly codec: string;
  /** Whether the payload is deflated. */
  readonly deflated: boolean;
  /** Hash of the schema's name; null without a schema. */
  readonly schema: number | null;
  readonly freshness?: Freshness;
  readonly tags: readonly TagStamp[];
  readonly headerBytes: number;
  /** Number of payload bytes that are present; less than the length of the payload if the entry is truncated. */
  readonly payloadBytes: number;
  /** Whether the checksum matches the bytes. The checksum of truncated bytes never matches. */
  readonly intact: boolean;
  /** Present if the bytes are not an entry but the lease of a process that is loading the value. */
  readonly lease?: true;
}

/** Names of the codecs by the id in the header. 3: `binaryCodec`. */
const NAMES: Readonly<Record<number, string>> = {
  [CODEC.array]: 'array',
  [CODEC.json]: 'json',
  [CODEC.buffer]: 'buffer',
  3: 'binary',
  [CODEC.nothing]: 'nothing',
};

/**
 * Length of the longest header, in bytes. `describeEnvelope` needs only this many bytes of an entry, except to verify
 * the checksum.
 */
export const ENVELOPE_HEADER_MAX: number = HEADER + FRESHNESS + TAG * TAGS_MAX;

/**
 * Reads the header of an entry; undefined if the bytes are not an envelope, or do not contain its complete header.
 * Never throws.
 *
 * @param bytes the entry, or at least its first `ENVELOPE_HEADER_MAX` bytes
 */
export function describeEnvelope(bytes: Uint8Array): EnvelopeFacts | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER || buffer[0] !== MAGIC) return undefined;
  const [, format = 0, kind = 0, tagCount = 0] = buffer;
  const isFresh = (kind & FRESH) !== 0;
  const headerBytes = HEADER + (isFresh ? FRESHNESS : 0) + TAG * tagCount;
  if (tagCount > TAGS_MAX || headerBytes > buffer.length) return undefined;
  const schema = buffer.readUInt32LE(8);
  const codec = kind & 0x0f;
  return {
    format,
    codec: NAMES[codec] ?? String(codec),
    deflated: (kind & DEFLATED) !== 0,
    schema: schema === 0 ? null : schema,
    ...(isFresh && { freshness: readFreshness(buffer, HEADER) }),
    tags: readTags(buffer, HEADER + (isFresh ? FRESHNESS : 0), tagCount),
    headerBytes,
    payloadBytes: buffer.length - headerBytes,
    intact: format === FORMAT && checksumOf(buffer) === buffer.readUInt32LE(4),
    ...(tokenOf(buffer) !== undefined && { lease: true }),
  };
}
