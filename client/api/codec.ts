/** The public types of codecs. */

/** Encodes values as bytes and decodes them. `decode` must not execute code, and throws on bytes that `encode` did not produce. */
export interface Codec {
  /**
   * Id of the codec in each entry: 3 is the binary codec, applications use 5 to 15. Entries stay readable when the codec of a
   * key changes.
   */
  readonly id: number;
  /** Returns the bytes of a value; throws if it cannot be restored exactly. */
  encode(value: unknown): Uint8Array;
  /** Returns the value; throws on bytes that `encode` did not produce. */
  decode(bytes: Buffer): unknown;
}

/** `json`: JSON, and binary data unchanged. `binary`: `binaryCodec`. */
export type CodecName = 'json' | 'binary';

/** Assigns a codec to keys. */
export interface CodecRule {
  /** Keys of this rule: a substring, a pattern with `*` for the whole key, or a RegExp without the flags `g` and `y`. */
  readonly pattern: string | RegExp;
  /** Codec of the values of these keys. */
  readonly codec: CodecName | Codec;
}
