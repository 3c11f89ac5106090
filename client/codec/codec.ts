/**
 * Encodes values as bytes. The envelope stores the id of the codec, so a reader needs no configuration, and a codec can
 * be changed without clearing the cache.
 */

import { types } from 'node:util';
import type { Codec, CodecName, CodecRule } from '../api/codec.ts';
import { ConfigurationError } from '../api/errors.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';
import { readBinary } from './binary-reader.ts';
import { writeBinary } from './binary-writer.ts';

/**
 * Encodes Date, Map, Set, typed arrays, bigint, undefined in objects, NaN, Infinity, -0 and holes without loss, and
 * refuses anything else.
 */
export const binaryCodec: Codec = Object.freeze({
  id: 3,
  encode: (value: unknown) => writeBinary(value),
  decode: (bytes: Buffer) => readBinary(bytes),
});

/**
 * Built-in codecs. undefined means that the envelope itself encodes the value (as JSON; binary data is stored
 * unchanged).
 */
const BUILT_IN: Readonly<Record<CodecName, Codec | undefined>> = { json: undefined, binary: binaryCodec };

const CODEC_RULE = optionNames<CodecRule>({ pattern: true, codec: true });

/** Substrings of keys that use JSON by default, so that programs in other languages can read the values. */
const JSON_KEYS = ['api:', 'response:', 'config:'] as const;

/** Maximum number of keys whose codec is cached. */
const CHOICES = 10_000;

export interface CodecChoice {
  /** Returns the codec for a key. undefined means JSON, with binary data stored unchanged. */
  of(key: string): Codec | undefined;
  readonly byId: ReadonlyMap<number, Codec>;
}

export class CodecSelection implements CodecChoice {
  /** All codecs that entries may use, by the id in the envelope. */
  readonly byId: ReadonlyMap<number, Codec>;
  readonly #rules: readonly {
    readonly matches: (key: string) => boolean;
    readonly codec: Codec | undefined;
  }[];
  readonly #default: Codec | undefined;
  readonly #chosen = new Map<string, Codec | undefined>();

  /**
   * Selects codecs by key. The first matching rule applies, then JSON for `api:`, `response:` and `config:`, then the
   * default, `json`.
   */
  constructor(rules: readonly CodecRule[] = [], fallback: CodecName | Codec = 'json') {
    const byId = new Map<number, Codec>([[binaryCodec.id, binaryCodec]]);
    this.#rules = [
      ...rules.map((rule, i) => {
        assertOptions(`codecs[${i}]`, rule, CODEC_RULE);
        return {
          matches: matcherOf(`codecs[${i}].pattern`, rule.pattern),
          codec: knownCodec(`codecs[${i}].codec`, rule.codec, byId),
        };
      }),
      ...JSON_KEYS.map((text) => ({ matches: (key: string) => key.includes(text), codec: undefined })),
    ];
    this.#default = knownCodec('defaultCodec', fallback, byId);
    this.byId = byId;
  }

  /** Returns the codec for a key. undefined means JSON, with binary data stored unchanged. */
  of(key: string): Codec | undefined {
    if (this.#rules.length === JSON_KEYS.length && this.#default === undefined) return undefined;
    if (this.#chosen.has(key)) return this.#chosen.get(key);
    const rule = this.#rules.find(({ matches }) => matches(key));
    const codec = rule ? rule.codec : this.#default;
    if (this.#chosen.size >= CHOICES) this.#chosen.clear();
    this.#chosen.set(key, codec);
    return codec;
  }
}

function knownCodec(path: string, codec: CodecName | Codec, byId: Map<number, Codec>): Codec | undefined {
  if (typeof codec === 'string') {
    if (!Object.hasOwn(BUILT_IN, codec))
      throw new ConfigurationError(
        `${path}: must be 'json', 'binary' or a codec, got ${JSON.stringify(codec)}`,
      );
    return BUILT_IN[codec];
  }
  if (codec === binaryCodec) return codec;
  const { id } = codec;
  if (!Number.isInteger(id) || id < 5 || id > 15)
    throw new ConfigurationError(`${path}.id: must be an integer between 5 and 15, got ${String(id)}`);
  if ((byId.get(id) ?? codec) !== codec)
    throw new ConfigurationError(`${path}.id: ${id} is already the id of another codec`);
  byId.set(id, codec);
  return codec;
}

function matcherOf(path: string, pattern: string | RegExp): (key: string) => boolean {
  // The RegExp may come from another realm: Jest and `node:vm` have their own RegExp class.
  if (types.isRegExp(pattern)) {
    if (pattern.global || pattern.sticky)
      throw new ConfigurationError(`${path}: must not have the flag g or y, got ${String(pattern)}`);
    return (key) => pattern.test(key);
  }
  if (typeof pattern !== 'string' || pattern === '')
    throw new ConfigurationError(
      `${path}: must be a non-empty string or a RegExp, got ${JSON.stringify(pattern)}`,
    );
  if (!pattern.includes('*')) return (key) => key.includes(pattern);
  const parts = pattern.split('*');
  return (key) => matchesParts(key, parts);
}

/**
 * Whether a key matches a pattern, in which `*` matches any text. Matching takes time linear in the length of the key,
 * so no key can make it slow.
 */
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
