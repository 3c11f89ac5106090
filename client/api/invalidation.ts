/** The public types of invalidation. */

/** Names as arguments, or as one list. A call accepts about 100,000 arguments, a list any number of names. */
export type Names = readonly string[] | readonly [names: readonly string[]];

/** A domain's logical keys, as Redis's patterns: `{ catalogue: ['product:*', 'category:*'] }`. */
export type DomainPatterns = Readonly<Record<string, readonly string[]>>;

/** Keys, tags, patterns and domains to invalidate. Keys and patterns are logical ones. */
export interface Outdated {
  /** Logical keys. */
  readonly keys?: readonly string[];
  /** Tags. */
  readonly tags?: readonly string[];
  /** Redis's patterns of logical keys (`user:*`): found by SCAN. */
  readonly patterns?: readonly string[];
  /** Domains of the option `domains`. */
  readonly domains?: readonly string[];
}

/** Returns what an event invalidates, from its payload. */
export type Mapping<P = unknown> = (payload: P) => Outdated | Promise<Outdated>;

/**
 * `pending`: Redis was unreachable for a part of it. That part applies in this process now, and in all processes once it is
 * replayed.
 */
export interface InvalidationReceipt {
  readonly outcome: 'applied' | 'pending';
  /** Entries deleted by key or pattern; entries that became misses by their tags are not counted. */
  readonly deleted: number;
}

/** `cache.invalidation`: makes entries misses by key, tag, pattern, domain, dependency and event. */
export interface Invalidation {
  /** Invalidates all of them at once. If a part fails, the others continue; its error is thrown when all have ended. */
  invalidate(outdated: Outdated): Promise<InvalidationReceipt>;
  /** Makes all entries with one of the tags misses: one command per 500 tags. */
  tags(...tags: Names): Promise<InvalidationReceipt>;
  /** Deletes the keys that match a pattern of Redis: `user:*`. */
  pattern(pattern: string): Promise<InvalidationReceipt>;
  /** Starts a new version of the domain: all of its entries are misses. @throws ConfigurationError no such domain */
  domain(name: string): Promise<InvalidationReceipt>;
  /**
   * Declares that the entry of `key` depends on the entries of `on`: a change of one of them makes it a miss.
   *
   * @throws ConfigurationError a cycle, or too many dependencies
   */
  depend(key: string, on: readonly string[]): void;
  /**
   * Maps an event to the entries that it invalidates. All mappings of an event apply. Returns a function that removes the
   * mapping.
   */
  on<P>(event: string, mapping: Mapping<P>): () => void;
  /**
   * Invalidates what the mappings of the event return. Without a mapping nothing is done, and the receipt is `applied`.
   *
   * @throws the error of a mapping, before anything is invalidated
   */
  emit(event: string, payload?: unknown): Promise<InvalidationReceipt>;
  /** Tags that an entry of this key is stored with: `tags`, those of its domains and those of the keys it depends on. */
  tagsOf(key: string, tags?: readonly string[]): readonly string[];
  /**
   * Must be called after keys were written or deleted outside the cache: makes the entries that depend on them misses. Returns
   * undefined when there are none.
   */
  changed(keys: readonly string[]): Promise<unknown> | undefined;
}
