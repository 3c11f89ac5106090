/** Ids of tags in entries, and the keys of their versions in Redis. */
import { createHash, randomBytes } from 'node:crypto';

const MEMORY = 10_000;
const ids = new Map<string, string>();

/**
 * First 8 bytes of the SHA-256 of the tag, in hexadecimal: with a million tags, one in 37 million caches has a
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

/** @param prefix prefix of the physical keys: `ns:` */
export const tagKey = (prefix: string, id: string): string => `${prefix}~tag:${id}`;

/** Random, so that no version returns after its key was lost. */
export const newVersion = (): string => randomBytes(8).toString('hex');

export const isVersion = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);
