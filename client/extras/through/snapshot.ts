/**
 * Copy of a value at one point in time. Later changes to the original do not affect the copy, and each reader gets a
 * separate copy.
 *
 * The copy is kept as bytes in the format of the binary codec. Values that only a custom codec can encode are returned
 * without a copy.
 */

import { SerializationError } from '../../api/errors.ts';
import { binaryCodec } from '../../codec/codec.ts';

export class Snapshot<T> {
  readonly #bytes: Uint8Array | undefined;
  readonly #value: T | undefined;

  constructor(value: T) {
    try {
      this.#bytes = binaryCodec.encode(value);
    } catch (error) {
      if (!(error instanceof SerializationError)) throw error;
      this.#value = value;
    }
  }

  /** Size of the encoded value, in bytes; 0 if it is not encoded. */
  get bytes(): number {
    return this.#bytes?.byteLength ?? 0;
  }

  copy(): T {
    return (this.#bytes === undefined ? this.#value : binaryCodec.decode(Buffer.from(this.#bytes))) as T;
  }
}
