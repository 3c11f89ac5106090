/** One stored key as the server and the client see it: type, TTL, memory, and the header and value of its entry. */
import { inspect, isDeepStrictEqual } from 'node:util';
import {
  type DecodeFailure,
  decodeEnvelope,
  describeEnvelope,
  type EnvelopeFacts,
  tagIdOf,
  tagVersionKey,
} from '../../client/envelope.ts';
import { binaryCodec } from '../../client/index.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import { type CacheData, type DataMaster, ownerOf } from './cache-data.ts';
import { keyText } from './figures.ts';

/** Maximum size, in bytes, of a value that is read. */
const VALUE_MAX = 64 * 1024 * 1024;

export interface InspectedTag {
  readonly id: string;
  /** Name of the tag; null if the command line did not name it, because an entry contains only the id. */
  readonly name: string | null;
  readonly version: string;
  /** Current version in Redis; null if the tag was invalidated. */
  readonly current: string | null;
  readonly valid: boolean;
}

export interface InspectedEntry extends Omit<EnvelopeFacts, 'tags' | 'freshness'> {
  readonly tags: readonly InspectedTag[];
  /** Time at which the value becomes stale, as an ISO string; null if it stays fresh for as long as Redis keeps it. */
  readonly freshUntil: string | null;
  /** Duration of the load that produced the value, in ms; null if it was not recorded. */
  readonly loadMs: number | null;
  /** Reason why a reader rejects the entry; null if it is valid. */
  readonly unreadable: DecodeFailure | 'tag' | null;
}

export interface InspectedKey {
  readonly key: string;
  /** Bytes of the physical key, as hexadecimal digits. */
  readonly keyHex: string;
  readonly slot: number | null;
  readonly node: string;
  readonly exists: boolean;
  readonly type: string;
  /** Remaining time in ms; null if the key has no expiry or does not exist. */
  readonly ttlMs: number | null;
  /** Time in ms since the entry was written, assuming the default TTL; null if it has another TTL or none. */
  readonly ageMs: number | null;
  /** Time since the last access; null under an LFU policy, or if the server denies OBJECT. */
  readonly idleSeconds: number | null;
  /** Memory that Redis uses for the key; null if the server denies MEMORY USAGE. */
  readonly memoryBytes: number | null;
  /** Length of a string; null for another type. */
  readonly valueBytes: number | null;
  /** Whether the value is larger than 64 MB, and so was not read. */
  readonly isTooLarge: boolean;
  /** Header of the entry; null if the value is not a string, or has no envelope. */
  readonly entry: InspectedEntry | null;
}

/** Value that a reader finds. It is separate from the facts, since it may be large or confidential. */
export interface InspectedValue {
  readonly value: unknown;
  readonly bytes: Buffer;
}

/** Inspects a key. @param tags tag names, used to show the entry's tags by name */
export async function inspectKey(
  data: CacheData,
  key: Buffer,
  tags: readonly string[],
): Promise<InspectedKey & { readonly found: InspectedValue | null }> {
  const masters = await data.masters();
  const master = await data.masterOf(key);
  const { redis } = master;
  const type = String(await redis.call('TYPE', key));
  const ttl = Number(await redis.call('PTTL', key));
  const optional = (...command: readonly [string, ...(string | Buffer)[]]) => {
    const [name, ...args] = command;
    return redis.call(name, ...args).then(numberOrNull, () => null);
  };
  const length = type === 'string' ? Number(await redis.call('STRLEN', key)) : null;
  const bytes =
    length !== null && length <= VALUE_MAX ? ((await redis.callBuffer('GET', key)) as Buffer | null) : null;
  const defaultTtlMs = data.settings.defaultTtlSeconds * 1000;
  const ttlMs = ttl >= 0 ? ttl : null;
  return {
    key: keyText(key),
    keyHex: key.toString('hex'),
    slot: data.mode === 'cluster' ? keySlot(key) : null,
    node: `${master.id} at ${master.address.host}:${master.address.port}`,
    exists: type !== 'none',
    type,
    ttlMs,
    ageMs: ttlMs === null || ttlMs > defaultTtlMs ? null : defaultTtlMs - ttlMs,
    idleSeconds: await optional('OBJECT', 'IDLETIME', key),
    memoryBytes: await optional('MEMORY', 'USAGE', key),
    valueBytes: length,
    entry: bytes === null ? null : await inspectEntry(masters, data.settings.namespace, bytes, tags),
    isTooLarge: length !== null && length > VALUE_MAX,
    found: bytes === null ? null : { value: decodedValue(bytes), bytes },
  };
}

async function inspectEntry(
  masters: readonly DataMaster[],
  namespace: string,
  bytes: Buffer,
  names: readonly string[],
): Promise<InspectedEntry | null> {
  const facts = describeEnvelope(bytes);
  if (facts === undefined) return null;
  const { tags: stamps, freshness, ...rest } = facts;
  const nameOf = new Map(names.map((name) => [tagIdOf(name), name]));
  const tags = await Promise.all(
    stamps.map(async ({ id, version }): Promise<InspectedTag> => {
      const key = tagVersionKey(namespace, id);
      const current = ((await ownerOf(masters, key)?.redis.call('GET', key)) ?? null) as string | null;
      return { id, name: nameOf.get(id) ?? null, version, current, valid: current === version };
    }),
  );
  const decoded = decodeEnvelope(bytes, { codecs: CODECS });
  return {
    ...rest,
    tags,
    freshUntil:
      freshness === undefined || freshness.freshUntilMs >= LATEST_DATE_MS
        ? null
        : new Date(freshness.freshUntilMs).toISOString(),
    loadMs: freshness !== undefined && freshness.loadMs > 0 ? freshness.loadMs : null,
    unreadable: decoded.ok ? (tags.some(({ valid }) => !valid) ? 'tag' : null) : decoded.reason,
  };
}

/**
 * Latest time that a Date can represent (ECMAScript). A later time in the header means that the value has no expiry.
 */
const LATEST_DATE_MS = 8.64e15;
const CODECS = new Map([[binaryCodec.id, binaryCodec]]);

function decodedValue(bytes: Buffer): unknown {
  const decoded = decodeEnvelope(bytes, { codecs: CODECS });
  return decoded.ok ? decoded.value : undefined;
}

/**
 * Formats a value as text: as JSON if that is lossless, otherwise as `console.log` prints it; bytes without an envelope
 * as text or hexadecimal digits.
 */
export function valueText({ value, bytes }: InspectedValue, maxLength: number): string {
  const text =
    value === undefined
      ? `${keyText(bytes.subarray(0, maxLength))} (raw)`
      : isPlain(value)
        ? JSON.stringify(value)
        : inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY });
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}… (${text.length} characters)`;
}

/** Returns the value for `--json`: unchanged if JSON represents it without loss, otherwise as text. */
export function jsonValue(found: InspectedValue): unknown {
  return found.value !== undefined && isPlain(found.value)
    ? found.value
    : valueText(found, Number.POSITIVE_INFINITY);
}

function isPlain(value: unknown): boolean {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return true;
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

function numberOrNull(reply: unknown): number | null {
  return typeof reply === 'number' ? reply : null;
}

/** Parses a key in the notation of `--raw`: `\xNN` is a byte, `\\` a backslash, everything else UTF-8. */
export function bytesOfKey(text: string): Buffer {
  const parts = text.split(/(\\x[0-9a-fA-F]{2}|\\\\)/);
  return Buffer.concat(
    parts.map((part) => {
      if (part === '\\\\') return Buffer.from('\\');
      return /^\\x[0-9a-fA-F]{2}$/.test(part) ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part, 'utf8');
    }),
  );
}
