/** Tag ids in entries, and the keys of tag versions in Redis. */
import { createHash, randomBytes } from 'node:crypto';

const MEMORY = 10_000;
const ids = new Map<string, string>();

/**
 * Returns the first 8 bytes of the tag's SHA-256, in hexadecimal. With a million tags, one in 37 million caches has a
 * collision.
 */
export function tagId(tag: string): string {
  const known = ids.get(tag);
  if (known !== undefined) return known;
  const id = createHash('sha256').update(tag).digest('hex').slice(0, 16);
  if (ids.size >= MEMORY) ids.clear();
  ids.set(tag, id);
  return id;
}

/** Returns the key of a tag's version. @param prefix prefix of the physical keys: `ns:` */
export const tagKey = (prefix: string, id: string): string => `${prefix}~tag:${id}`;

/** Returns a new version, which is random, so that no version is reused after its key has been lost. */
export const newVersion = (): string => randomBytes(8).toString('hex');

export const isVersion = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);
