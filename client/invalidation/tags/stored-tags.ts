/** Stored form of tags, for tools that read Redis directly. */
import { assertName } from '../../keys/identity.ts';
import { tagId, tagKey } from './id.ts';

/** Id of a tag in the entries that carry it: 16 hexadecimal digits. @throws ConfigurationError it is not a name */
export function tagIdOf(tag: string): string {
  assertName('tag', tag);
  return tagId(tag);
}

/**
 * Physical key of the current version of a tag. An entry is valid while its stamp has this version, so no key means that the
 * entries of the tag are invalid.
 *
 * @param id as `tagIdOf` returns it, or as an entry contains it
 */
export function tagVersionKey(namespace: string, id: string): string {
  assertName('namespace', namespace);
  return tagKey(`${namespace}:`, id);
}
