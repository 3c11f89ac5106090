/** Stored form of tags, for tools that read Redis directly. */
import { assertName } from '../../keys/identity.ts';
import { tagId, tagKey } from './id.ts';

/**
 * Returns the id of a tag, 16 hexadecimal digits, as stored in the entries that carry the tag.
 *
 * @throws ConfigurationError if the tag is not a valid name
 */
export function tagIdOf(tag: string): string {
  assertName('tag', tag);
  return tagId(tag);
}

/**
 * Returns the physical key that holds the current version of a tag. An entry is valid while its stamp has this version.
 * If the key does not exist, the entries with the tag are invalid.
 *
 * @param id as returned by `tagIdOf` or contained in an entry
 */
export function tagVersionKey(namespace: string, id: string): string {
  assertName('namespace', namespace);
  return tagKey(`${namespace}:`, id);
}
