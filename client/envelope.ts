/**
 * Stored form of an entry, for tools that read or write Redis directly.
 *
 * @module envelope
 */

export type {
  Decoded,
  DecodeFailure,
  DecodeOptions,
  EncodeOptions,
  Freshness,
  TagStamp,
} from './codec/envelope.ts';
export { decodeEnvelope, encodeEnvelope } from './codec/envelope-checked.ts';
export { describeEnvelope, ENVELOPE_HEADER_MAX, type EnvelopeFacts } from './codec/envelope-facts.ts';
export { schemaIdOf } from './codec/schema.ts';
export { tagIdOf, tagVersionKey } from './invalidation/tags/stored-tags.ts';
