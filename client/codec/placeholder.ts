/**
 * Placeholder for an absent entry while a process loads it: an envelope without a value, fresh until 1970. A reader
 * without support for leases sees a miss and does not purge the placeholder.
 *
 *   0   header and checksum as in any envelope (`envelope.ts`)
 *   20  token of the lease, 16 characters
 *   36  1 if another process waits for the load, else 0
 *
 * `functions/redis_cache_kit.lua` creates and compares the same bytes.
 */
import { encodeEnvelope, type Freshness, sealEnvelope } from './envelope.ts';

export const TOKEN_LENGTH = 16;
const TOKEN_AT = 20;
export const PLACEHOLDER_BYTES = TOKEN_AT + TOKEN_LENGTH + 1;

const BLANK = Buffer.concat([
  encodeEnvelope(undefined, { nothing: true, freshness: { freshUntilMs: 0, loadMs: 0 } }),
  Buffer.alloc(PLACEHOLDER_BYTES - TOKEN_AT),
]);

export function encodePlaceholder(token: string): Buffer {
  const placeholder = Buffer.from(BLANK);
  placeholder.write(token, TOKEN_AT, 'latin1');
  return sealEnvelope(placeholder);
}

/** Returns the token of the lease whose placeholder begins with these bytes; undefined if the bytes are an entry. */
export function tokenOf(head: Buffer): string | undefined {
  if (head.length !== PLACEHOLDER_BYTES) return undefined;
  const isBlank =
    BLANK.compare(head, 0, 4, 0, 4) === 0 && BLANK.compare(head, 8, TOKEN_AT, 8, TOKEN_AT) === 0;
  return isBlank ? head.toString('latin1', TOKEN_AT, TOKEN_AT + TOKEN_LENGTH) : undefined;
}

/**
 * Whether an entry for "no value" is a placeholder: only a placeholder is fresh until 1970, a loaded value never is.
 */
export const isPlaceholder = (freshness: Freshness | undefined): boolean => freshness?.freshUntilMs === 0;
