/** The public types of invalidation. */

/** Names as arguments, or as one list. A call accepts about 100,000 arguments; a list may have any number of names. */
export type Names = readonly string[] | readonly [names: readonly string[]];

/** Logical keys in each domain, as Redis patterns: `{ catalogue: ['product:*', 'category:*'] }`. */
export type DomainPatterns = Readonly<Record<string, readonly string[]>>;

/** Keys, tags, patterns and domains to invalidate. Keys and patterns are logical. */
export interface Outdated {
  /** Logical keys. */
  readonly keys?: readonly string[];
  /** Tags. */
  readonly tags?: readonly string[];
  /** Redis patterns for logical keys (`user:*`). SCAN finds the matching keys. */
  readonly patterns?: readonly string[];
  /** Domains declared in the `domains` option. */
  readonly domains?: readonly string[];
}

/** Derives the keys, tags, patterns and domains to invalidate from the payload of an event. */
export type Mapping<P = unknown> = (payload: P) => Outdated | Promise<Outdated>;

/**
 * Result of an invalidation. `pending`: Redis was unreachable for a part of the invalidation. That part takes effect in
 * this process immediately, and in all processes once it has been replayed.
 */
export interface InvalidationReceipt {
  readonly outcome: 'applied' | 'pending';
  /** Number of entries deleted by key or pattern. Entries that became misses because of their tags are not counted. */
  readonly deleted: number;
}

/**
 * Invalidation interface of a cache (`cache.invalidation`): invalidates entries by key, tag, pattern, domain,
 * dependency and event.
 */
export interface Invalidation {
  /**
   * Invalidates all given keys, tags, patterns and domains at once. If one part fails, the others continue, and the
   * error is thrown when all parts have finished.
   */
  invalidate(outdated: Outdated): Promise<InvalidationReceipt>;
  /** Invalidates all entries with one of the tags. Sends one command per 500 tags. */
  tags(...tags: Names): Promise<InvalidationReceipt>;
  /** Deletes the keys that match a Redis pattern: `user:*`. */
  pattern(pattern: string): Promise<InvalidationReceipt>;
  /**
   * Starts a new version of the domain, which invalidates all of its entries.
   *
   * @throws ConfigurationError if there is no such domain
   */
  domain(name: string): Promise<InvalidationReceipt>;
  /**
   * Declares that the entry for `key` depends on the entries for the keys in `on`: a change to any of them invalidates
   * the entry for `key`.
   *
   * @throws ConfigurationError if there is a cycle, or there are too many dependencies
   */
  depend(key: string, on: readonly string[]): void;
  /**
   * Maps an event to the entries that it invalidates. All mappings for an event apply. Returns a function that removes
   * the mapping.
   */
  on<P>(event: string, mapping: Mapping<P>): () => void;
  /**
   * Invalidates everything that the mappings for the event return. Without a mapping, nothing is invalidated, and the
   * receipt is `applied`.
   *
   * @throws any error thrown by a mapping, before anything is invalidated
   */
  emit(event: string, payload?: unknown): Promise<InvalidationReceipt>;
  /**
   * Returns the tags that are stored with an entry for this key: `tags`, the tags of its domains, and the tags of the
   * keys that it depends on.
   */
  tagsOf(key: string, tags?: readonly string[]): readonly string[];
  /**
   * Invalidates the entries that depend on these keys. Must be called after keys have been written or deleted outside
   * the cache. Returns undefined if no entry depends on them.
   */
  changed(keys: readonly string[]): Promise<unknown> | undefined;
}
