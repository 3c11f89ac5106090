import type { Emitter } from '../api/events.ts';
import type { CacheEvent } from '../api/types.ts';
import type { CodecChoice } from '../codec/codec.ts';
import type { TagStamp } from '../codec/envelope.ts';
import type { LocalTier } from '../l1/local.ts';
import type { SingleFlight } from '../load/single-flight.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { Fallback } from './fallback.ts';
import type { ResolvedCache } from './options.ts';
import type { Refusals } from './refusals.ts';
import type { Remote } from './remote.ts';
import type { Statistics } from './statistics.ts';

/** Tag versions. An entry is valid while each of its stamps equals the current version of the stamp's tag. */
export interface Tags {
  /** Returns the current stamps of these tags and creates the missing ones. */
  stamps(tags: readonly string[]): Promise<readonly TagStamp[]>;
  /** Returns the stamps without waiting; undefined if this process lacks any of the versions. */
  stampsKnown(tags: readonly string[]): readonly TagStamp[] | undefined;
  /** Like `stamps`, but without calling Redis, for entries that exist only in this process. */
  stampsHere(tags: readonly string[]): Promise<readonly TagStamp[]>;
  /**
   * Whether the stamps are current. The result is synchronous if this process has all versions. `ofRedis`: the entry is
   * in Redis as well.
   */
  current(stamps: readonly TagStamp[], ofRedis?: boolean): boolean | Promise<boolean>;
  /** Invalidates all entries with one of the tags. */
  invalidate(tags: readonly string[]): Promise<unknown>;
  /** Returns the tags for the entry of this key: the caller's tags, and those of its domains and dependencies. */
  namesOf(key: string, tags: readonly string[] | undefined): readonly string[];
  /**
   * Turns dependent entries into misses. Must be called after keys have been written or deleted. Returns undefined if
   * there are no dependent entries.
   */
  changed(keys: readonly string[]): Promise<unknown> | undefined;
}

export interface CacheContext {
  readonly options: ResolvedCache;
  readonly events: Emitter<CacheEvent>;
  readonly statistics: Statistics;
  readonly refusals: Refusals;
  readonly singleFlight: SingleFlight;
  readonly fallback: Fallback;
  /** Operations on Redis; undefined for a memory cache. */
  readonly remote: Remote | undefined;
  readonly connection: CacheConnection | undefined;
  readonly local: LocalTier | undefined;
  readonly tags: Tags;
  /** Deletes all keys of the namespace in Redis and returns the number of entries. */
  readonly clearRemote: () => Promise<number>;
  readonly codecs: CodecChoice;
  /** Returns the physical key for a logical key. @throws ConfigurationError if the key is invalid */
  readonly physical: (key: string) => string;
}
