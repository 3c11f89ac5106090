/** The envelope for applications: like `envelope.ts`, with a check of the option names. */

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
 * Encodes a value as it is stored in Redis.
 *
 * @throws SerializationError if the value cannot be restored exactly
 * @throws ConfigurationError if an option is unknown
 */
export function encodeEnvelope(value: unknown, options: EncodeOptions = {}): Buffer {
  assertOptions('', options, ENCODE);
  return encode(value, options);
}

/**
 * Decodes stored bytes. Returns the value, or the reason why the bytes are not a value. If a `schemaId` is given, a
 * value with a different schema name is rejected.
 *
 * @throws ConfigurationError if an option is unknown; nothing else is thrown
 */
export function decodeEnvelope(envelope: Uint8Array, options: DecodeOptions = {}): Decoded {
  assertOptions('', options, DECODE);
  return decode(envelope, options);
}
