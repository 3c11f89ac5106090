/**
 * `cache.invalidation`: invalidates entries by key, tag, pattern, domain, dependency and event.
 *
 *   emit('order-paid', order) ─▶ mappings ─▶ { keys, tags, patterns, domains } ─▶ deletions, new versions
 *
 * Left out: the operations themselves (`writer.ts`, `tags/`, `patterns.ts`), and the stamps of an entry (`tagsOf`
 * returns only its tags).
 */

import { ConfigurationError } from '../api/errors.ts';
import type {
  DomainPatterns,
  Invalidation,
  InvalidationReceipt,
  Mapping,
  Names,
  Outdated,
} from '../api/invalidation.ts';
import { namesIn } from '../cache/batches.ts';
import { assertName } from '../keys/identity.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';
import { Dependencies } from './dependencies.ts';
import { Domains } from './domains.ts';
import { compileGlob } from './glob.ts';

const OUTDATED = optionNames<Outdated>({ keys: true, tags: true, patterns: true, domains: true });

/** Number of deleted entries; `pending` if Redis has not received the deletion. */
export type Deleted = number | { readonly deleted: number; readonly pending: boolean };

export interface InvalidationParts {
  /** Deletes logical keys. */
  readonly deleteKeys: (keys: readonly string[]) => Promise<Deleted>;
  readonly invalidateTags: (tags: readonly string[]) => Promise<'applied' | 'pending'>;
  /** Deletes the keys that match. */
  readonly deleteMatching: (pattern: string) => Promise<Deleted>;
  readonly domains?: DomainPatterns | undefined;
}

export class CacheInvalidation implements Invalidation {
  readonly #parts: InvalidationParts;
  readonly #domains: Domains;
  readonly #dependencies = new Dependencies();
  readonly #mappings = new Map<string, Set<Mapping>>();

  constructor(parts: InvalidationParts) {
    this.#parts = parts;
    this.#domains = new Domains(parts.domains);
  }

  /**
   * Invalidates all given keys, tags, patterns and domains at once. If one part fails, the others continue, and the
   * error is thrown when all parts have finished.
   */
  async invalidate(outdated: Outdated): Promise<InvalidationReceipt> {
    assertOptions('', outdated, OUTDATED);
    const { deleteKeys, invalidateTags } = this.#parts;
    const { keys = [], patterns = [], domains = [] } = outdated;
    const own = assertTags(outdated.tags ?? []);
    const tags = [...own, ...domains.map((name) => this.#domains.tagOf(name))];
    const results = await Promise.allSettled([
      keys.length > 0 ? deleteKeys(keys) : 0,
      tags.length > 0 ? invalidateTags(tags) : 'applied',
      ...patterns.map((pattern) => this.#matching(pattern)),
    ]);
    let deleted = 0;
    let outcome: InvalidationReceipt['outcome'] = 'applied';
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      const { value } = result;
      if (typeof value === 'number') deleted += value;
      else if (typeof value === 'object') deleted += value.deleted;
      if (value === 'pending' || (typeof value === 'object' && value.pending)) outcome = 'pending';
    }
    return { outcome, deleted };
  }

  /** Invalidates all entries with one of the tags. Sends one command per 500 tags. */
  tags(...tags: Names): Promise<InvalidationReceipt> {
    return this.invalidate({ tags: namesIn(tags) });
  }

  /** Deletes the keys that match a Redis pattern, such as `user:*`. */
  pattern(pattern: string): Promise<InvalidationReceipt> {
    return this.invalidate({ patterns: [pattern] });
  }

  /**
   * Starts a new version of the domain, which invalidates all of its entries.
   *
   * @throws ConfigurationError if there is no such domain
   */
  domain(name: string): Promise<InvalidationReceipt> {
    return this.invalidate({ domains: [name] });
  }

  /**
   * Declares dependencies (`dependencies.ts`).
   *
   * @throws ConfigurationError if there is a cycle, or there are too many dependencies
   */
  depend(key: string, on: readonly string[]): void {
    this.#dependencies.declare(key, on);
  }

  /**
   * Maps an event to the entries that it invalidates. All mappings for an event apply. Returns a function that removes
   * the mapping.
   */
  on<P>(event: string, mapping: Mapping<P>): () => void {
    const mappings = this.#mappings.get(event) ?? new Set();
    this.#mappings.set(event, mappings);
    mappings.add(mapping as Mapping);
    return () => {
      mappings.delete(mapping as Mapping);
      if (mappings.size === 0) this.#mappings.delete(event);
    };
  }

  /**
   * Invalidates everything that the mappings for the event return. Without a mapping, nothing is invalidated, and the
   * receipt is `applied`.
   *
   * @throws any error thrown by a mapping, before anything is invalidated
   */
  async emit(event: string, payload?: unknown): Promise<InvalidationReceipt> {
    const mappings = [...(this.#mappings.get(event) ?? [])];
    const named = await Promise.all(mappings.map(async (mapping) => mapping(payload)));
    for (const outdated of named) assertOptions(`mapping of ${event}`, outdated, OUTDATED);
    return this.invalidate({
      keys: uniqueOf(named, 'keys'),
      tags: uniqueOf(named, 'tags'),
      patterns: uniqueOf(named, 'patterns'),
      domains: uniqueOf(named, 'domains'),
    });
  }

  /**
   * Returns the tags of a new entry: the given tags, the tags of its domains, and the tags of the keys it depends on.
   */
  tagsOf(key: string, tags: readonly string[] = []): readonly string[] {
    const domains = this.#domains.tagsOf(key);
    const dependencies = this.#dependencies.tagsOf(key);
    const own = assertTags(tags);
    return domains.length + dependencies.length === 0 ? own : [...own, ...domains, ...dependencies];
  }

  async #matching(pattern: string): Promise<Deleted> {
    const deleted = await this.#parts.deleteMatching(pattern);
    const { matches } = compileGlob(pattern);
    const dependents = this.#dependencies.changedWhere(matches);
    if (dependents.length > 0) await this.#parts.invalidateTags(dependents);
    return deleted;
  }

  /**
   * Turns dependent entries into misses. Must be called after keys have been written or deleted. Returns undefined if
   * there are no dependent entries.
   */
  changed(keys: readonly string[]): Promise<unknown> | undefined {
    const tags = this.#dependencies.changed(keys);
    return tags.length === 0 ? undefined : this.#parts.invalidateTags(tags);
  }
}

function uniqueOf(named: readonly Outdated[], field: keyof Outdated): readonly string[] {
  return [...new Set(named.flatMap((outdated) => outdated[field] ?? []))];
}

function assertTags(tags: readonly string[]): readonly string[] {
  if (!Array.isArray(tags)) throw new ConfigurationError(`tags: must be a list, got ${JSON.stringify(tags)}`);
  return tags.map(assertTag);
}

function assertTag(tag: string): string {
  assertName('tag', tag);
  if (tag.startsWith('~'))
    throw new ConfigurationError(
      `tag: must not begin with '~', which is reserved, got ${JSON.stringify(tag)}`,
    );
  return tag;
}
