/**
 * Checks names in Redis: keys, tags, namespaces, patterns, domains, shapes. UTF-8 cannot encode a lone surrogate: two
 * names that differ only in lone surrogates would have the same bytes, so the process and the server would use
 * different keys.
 */
import { ConfigurationError } from '../api/errors.ts';

/**
 * Maximum length of a name, in UTF-16 code units. Redis allows 512 MiB, but the journal keeps up to 110,000 names in
 * memory.
 */
export const NAME_MAX = 65_536;

/** Checks a name. @throws ConfigurationError if it is not a string, is empty, is too long, or has a lone surrogate */
export function assertName(path: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && name !== '' && name.length <= NAME_MAX && name.isWellFormed()) return;
  throw new ConfigurationError(`${path}: ${whyNot(name)}`);
}

function whyNot(name: unknown): string {
  if (typeof name !== 'string' || name === '')
    return `must be a non-empty string, got ${typeof name === 'string' ? '""' : String(name)}`;
  if (name.length > NAME_MAX)
    return `${JSON.stringify(name.slice(0, 40))}… has ${name.length} characters, at most ${NAME_MAX} are allowed; hash it (buildKey)`;
  return `${JSON.stringify(name)} contains a lone surrogate, which has no encoding in UTF-8`;
}
