/**
 * Versions of whole domains. Every entry whose key belongs to a domain carries the tag of the domain. One command
 * therefore invalidates all of these entries, regardless of their number (for example after a price list or the schema
 * of a table has changed).
 *
 * An entry that was stored before the domain was configured has no such tag and stays valid.
 */

import { ConfigurationError } from '../api/errors.ts';
import type { DomainPatterns } from '../api/invalidation.ts';
import { assertName } from '../keys/identity.ts';
import { compileGlob, type Glob } from './glob.ts';

export class Domains {
  readonly #globs: ReadonlyMap<string, readonly Glob[]>;

  constructor(domains: DomainPatterns = {}) {
    this.#globs = new Map(
      Object.entries(domains).map(([name, patterns]) => {
        assertName('domains', name);
        if (!Array.isArray(patterns) || patterns.length === 0)
          throw new ConfigurationError(
            `domains.${name}: must be a non-empty list of patterns, got ${String(patterns)}`,
          );
        return [name, patterns.map(compileGlob)];
      }),
    );
  }

  /** Returns the tags that an entry for this key carries. */
  tagsOf(key: string): readonly string[] {
    if (this.#globs.size === 0) return [];
    const tags: string[] = [];
    for (const [name, globs] of this.#globs)
      if (globs.some((glob) => glob.matches(key))) tags.push(domainTag(name));
    return tags;
  }

  /** Returns the tag of a domain. @throws ConfigurationError if no domain has this name */
  tagOf(name: string): string {
    if (!this.#globs.has(name))
      throw new ConfigurationError(
        `domain: must be one of ${JSON.stringify([...this.#globs.keys()])}, got ${JSON.stringify(name)}`,
      );
    return domainTag(name);
  }
}

const domainTag = (name: string): string => `~domain:${name}`;
