/** The public types of codecs. */

/** Makes bytes of a value and back. `decode` executes nothing and throws on bytes that `encode` did not make. */
export interface Codec {
  /** 3 is the binary codec's; an application's own from 5 to 15. It is written into each entry, so that it can be read whatever the key's codec is today. */
  readonly id: number;
  /** The bytes of a value; throws where it would not read back the same. */
  encode(value: unknown): Uint8Array;
  /** The value; throws on bytes that `encode` did not make. */
  decode(bytes: Buffer): unknown;
}

/** `json`: JSON, and bytes as they are. `binary`: `binaryCodec`. */
export type CodecName = 'json' | 'binary';

/** The codec of some keys. */
export interface CodecRule {
  /** Keys of this rule: a substring, a pattern with `*` for the whole key, or a RegExp without the flags `g` and `y`. */
  readonly pattern: string | RegExp;
  /** Codec of the values of these keys. */
  readonly codec: CodecName | Codec;
}
