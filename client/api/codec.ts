/** The public types of codecs. */

/**
 * Encodes values as bytes and decodes them. `decode` must not execute code, and must throw on bytes that `encode` did
 * not produce.
 */
export interface Codec {
  /**
   * Id of the codec, stored in each entry: 3 is the binary codec; applications use 5 to 15. Existing entries stay
   * readable when a key is assigned a different codec.
   */
  readonly id: number;
  /** Encodes a value; throws if the value cannot be restored exactly. */
  encode(value: unknown): Uint8Array;
  /** Decodes a value; throws on bytes that `encode` did not produce. */
  decode(bytes: Buffer): unknown;
}

/** Names of the built-in codecs. `json`: JSON; binary data is stored unchanged. `binary`: `binaryCodec`. */
export type CodecName = 'json' | 'binary';

/** Assigns a codec to keys. */
export interface CodecRule {
  /**
   * Keys to which this rule applies: a substring of the key, a pattern with `*` that matches the whole key, or a RegExp
   * without the `g` and `y` flags.
   */
  readonly pattern: string | RegExp;
  /** Codec for the values of these keys. */
  readonly codec: CodecName | Codec;
}
