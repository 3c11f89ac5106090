/** The envelope for applications: as in `envelope.ts`, with the names of its options checked. */

import { assertOptions, optionNames } from '../options/option-names.ts';
import {
  type Decoded,
  type DecodeOptions,
  decodeEnvelope as decode,
  type EncodeOptions,
  encodeEnvelope as encode,
} from './envelope.ts';

const ENCODE = optionNames<EncodeOptions>({
  schemaId: true,
  codec: true,
  freshness: true,
  tags: true,
  deflateAboveBytes: true,
  nothing: true,
});
const DECODE = optionNames<DecodeOptions>({ schemaId: true, orNameless: true, codecs: true });

/**
 * The bytes that stand in Redis for a value.
 *
 * @throws SerializationError the value would not read back as it is
 * @throws ConfigurationError an option is not known
 */
export function encodeEnvelope(value: unknown, options: EncodeOptions = {}): Buffer {
  assertOptions('', options, ENCODE);
  return encode(value, options);
}

/**
 * The value of such bytes, or why they are none. With a `schemaId`, a value that was written under another is refused.
 *
 * @throws ConfigurationError an option is not known; nothing else is thrown
 */
export function decodeEnvelope(envelope: Uint8Array, options: DecodeOptions = {}): Decoded {
  assertOptions('', options, DECODE);
  return decode(envelope, options);
}
