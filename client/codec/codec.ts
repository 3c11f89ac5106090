/**
 * How values become bytes. The envelope keeps a codec's id beside the bytes, so that a reader needs no configuration to
 * know how they were written, and a codec can be changed without clearing the cache.
 */
import { ConfigurationError, SerializationError } from '../errors.ts';
import { readBinary } from './binary-reader.ts';
import { writeBinary } from './binary-writer.ts';

/** Never executes what it reads; throws (any error) where the bytes are not its own. */
export interface Codec {
  /** What the envelope keeps. 1 JSON, 3 binary; an application's own from 8 to 15. */
  readonly id: number;
  readonly name: string;
  /** @throws SerializationError the value would not read back as it is */
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

export type CodecName = 'json' | 'binary';

/** `text`: the key contains it. With `*`: a pattern for the whole key. */
export interface CodecRule {
  readonly pattern: string | RegExp;
  readonly codec: CodecName | Codec;
}

/** Date, Map, Set, typed arrays, bigint, undefined in objects, NaN, Infinity, -0, holes; nothing is lost, or it is refused. */
export const binaryCodec: Codec = Object.freeze({
  id: 3,
  name: 'binary',
  encode: (value: unknown) => writeBinary(value),
  decode: (bytes: Uint8Array) => readBinary(bytes),
});

/** Plain data. What JSON would change silently at the top is refused; within, it is JSON's own loss (a Date becomes text). */
export const jsonCodec: Codec = Object.freeze({
  id: 1,
  name: 'json',
  encode: (value: unknown) => Buffer.from(jsonText(value)),
  decode: (bytes: Uint8Array) =>
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')),
});

/** @throws SerializationError JSON would make something else of it */
export function jsonText(value: unknown): string {
  if (value === undefined) throw new SerializationError('undefined cannot be stored: it means a miss');
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new SerializationError(`${value} cannot be stored: JSON makes it null`);
  if (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Date ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value)
  )
    throw new SerializationError(
      `A ${value.constructor.name} cannot be stored as JSON; use the binary codec for its key, or store plain data`,
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

const BUILT_IN: Readonly<Record<CodecName, Codec>> = { json: jsonCodec, binary: binaryCodec };

/** The keys that stay JSON whatever the default is, so that people and other languages can read them. */
const JSON_KEYS = ['api:', 'response:', 'config:'] as const;

/** Choices that are remembered. */
const CHOICES = 10_000;

export class CodecSelection {
  readonly #rules: readonly { readonly matches: (key: string) => boolean; readonly codec: Codec }[];
  readonly #default: Codec;
  readonly #byId = new Map<number, Codec>();
  readonly #chosen = new Map<string, Codec>();

  /** The first rule that matches wins; then JSON for `api:`, `response:`, `config:`; then the default, `json`. */
  constructor(rules: readonly CodecRule[] = [], fallback: CodecName | Codec = 'json') {
    this.#rules = [
      ...rules.map(({ pattern, codec }, i) => ({
        matches: matcher(`codecs[${i}].pattern`, pattern),
        codec: this.#known(`codecs[${i}].codec`, codec),
      })),
      ...JSON_KEYS.map((text) => ({ matches: (key: string) => key.includes(text), codec: jsonCodec })),
    ];
    this.#default = this.#known('defaultCodec', fallback);
    for (const codec of Object.values(BUILT_IN)) this.#byId.set(codec.id, codec);
  }

  forKey(key: string): Codec {
    let codec = this.#chosen.get(key);
    if (codec === undefined) {
      codec = this.#rules.find(({ matches }) => matches(key))?.codec ?? this.#default;
      if (this.#chosen.size >= CHOICES) this.#chosen.clear();
      this.#chosen.set(key, codec);
    }
    return codec;
  }

  /** The codec that wrote an entry; undefined: none that is configured here. */
  byId(id: number): Codec | undefined {
    return this.#byId.get(id);
  }

  #known(path: string, codec: CodecName | Codec): Codec {
    if (typeof codec === 'string') {
      const known = Object.hasOwn(BUILT_IN, codec) ? BUILT_IN[codec] : undefined;
      if (!known)
        throw new ConfigurationError(`${path}: ${JSON.stringify(codec)} is neither 'json' nor 'binary'`);
      return known;
    }
    if (codec === jsonCodec || codec === binaryCodec) return codec;
    const { id } = codec;
    if (!Number.isInteger(id) || id < 8 || id > 15)
      throw new ConfigurationError(`${path}.id: ${String(id)} is not a whole number from 8 to 15`);
    const other = this.#byId.get(id);
    if (other && other !== codec)
      throw new ConfigurationError(
        `${path}.id: ${id} is the id of the codec ${JSON.stringify(other.name)} already`,
      );
    this.#byId.set(id, codec);
    return codec;
  }
}

function matcher(path: string, pattern: string | RegExp): (key: string) => boolean {
  if (pattern instanceof RegExp) {
    if (pattern.global || pattern.sticky)
      throw new ConfigurationError(
        `${path}: ${String(pattern)} keeps a position (flag g or y), leave the flag out`,
      );
    return (key) => pattern.test(key);
  }
  if (typeof pattern !== 'string' || pattern === '')
    throw new ConfigurationError(
      `${path}: ${JSON.stringify(pattern)} is neither a text that is not empty nor a RegExp`,
    );
  if (!pattern.includes('*')) return (key) => key.includes(pattern);
  const parts = pattern.split('*');
  return (key) => matchesParts(key, parts);
}

/** `*` stands for any text. Linear in the key: no expression that a hostile key could make slow. */
function matchesParts(key: string, parts: readonly string[]): boolean {
  const [first, last] = [parts[0] as string, parts.at(-1) as string];
  if (!key.startsWith(first) || !key.endsWith(last) || key.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = key.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= key.length - last.length;
}
