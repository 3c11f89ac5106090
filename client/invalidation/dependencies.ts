/**
 * Keys that depend on other keys. Invalidating or writing `user:7` also invalidates `profile:7`, which depends on it,
 * and all entries that depend on `profile:7`. An entry carries a tag for every key that it depends on, directly or
 * indirectly; a change to a key invalidates its tag.
 *
 * Dependencies are declared in each process, before the entry is stored. The graph has no cycles and a bounded size. A
 * key without dependents costs nothing.
 */

import { ConfigurationError } from '../api/errors.ts';
import { TAGS_MAX } from '../codec/envelope.ts';
import { assertName } from '../keys/identity.ts';

const DECLARED_MAX = 100_000;

export class Dependencies {
  readonly #on = new Map<string, ReadonlySet<string>>();
  /** Number of declarations that name each key. */
  readonly #dependents = new Map<string, number>();
  readonly #max: number;

  constructor(max = DECLARED_MAX) {
    this.#max = max;
  }

  /**
   * Makes `key` a miss whenever one of `on` changes. Replaces an earlier declaration for the key.
   *
   * @throws ConfigurationError if the key would depend on itself or on too many keys, or if too many keys already have
   * dependencies
   */
  declare(key: string, on: readonly string[]): void {
    for (const name of [key, ...on]) assertName('dependencies', name);
    if (!this.#on.has(key) && this.#on.size >= this.#max)
      throw new ConfigurationError(
        `dependencies: ${this.#max} keys already have dependencies, which is the maximum`,
      );
    const former = this.#on.get(key);
    this.#replace(key, new Set(on));
    try {
      this.#closure(key);
    } catch (error) {
      this.#replace(key, former);
      throw error;
    }
  }

  withdraw(key: string): void {
    this.#replace(key, undefined);
  }

  /** Returns the tags that an entry for this key carries. */
  tagsOf(key: string): readonly string[] {
    return this.#on.has(key) ? [...this.#closure(key)].map(keyTag) : [];
  }

  /** Returns the tags to invalidate after a change to these keys; none for a key without dependents. */
  changed(keys: readonly string[]): readonly string[] {
    if (this.#dependents.size === 0) return [];
    return keys.filter((key) => this.#dependents.has(key)).map(keyTag);
  }

  /** Like `changed`, for all keys that match. */
  changedWhere(matches: (key: string) => boolean): readonly string[] {
    return [...this.#dependents.keys()].filter(matches).map(keyTag);
  }

  /** Returns all direct and indirect dependencies of the key. */
  #closure(key: string): ReadonlySet<string> {
    const found = new Set<string>();
    const visit = (at: string, path: readonly string[]): void => {
      for (const next of this.#on.get(at) ?? []) {
        if (next === key)
          throw new ConfigurationError(`dependencies: ${[...path, next].join(' ─▶ ')} is a cycle`);
        if (found.has(next)) continue;
        found.add(next);
        if (found.size >= TAGS_MAX)
          throw new ConfigurationError(
            `dependencies: ${JSON.stringify(key)} depends on ${TAGS_MAX} keys or more; an entry must have fewer tags`,
          );
        visit(next, [...path, next]);
      }
    };
    visit(key, [key]);
    return found;
  }

  #replace(key: string, on: ReadonlySet<string> | undefined): void {
    for (const name of this.#on.get(key) ?? []) {
      const left = (this.#dependents.get(name) ?? 1) - 1;
      if (left === 0) this.#dependents.delete(name);
      else this.#dependents.set(name, left);
    }
    this.#on.delete(key);
    if (on === undefined || on.size === 0) return;
    this.#on.set(key, on);
    for (const name of on) this.#dependents.set(name, (this.#dependents.get(name) ?? 0) + 1);
  }
}

const keyTag = (key: string): string => `~key:${key}`;
