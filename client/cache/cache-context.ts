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

/** Versions of tags. An entry is valid while every stamp on it is the current version of its tag. */
export interface Tags {
  /** Current stamps of these tags; missing ones are created. */
  stamps(tags: readonly string[]): Promise<readonly TagStamp[]>;
  /** Stamps without waiting; undefined if a version is not known in this process. */
  stampsKnown(tags: readonly string[]): readonly TagStamp[] | undefined;
  /** Like `stamps`, without Redis: for entries that exist only in this process. */
  stampsHere(tags: readonly string[]): Promise<readonly TagStamp[]>;
  /**
   * Whether the stamps are current; synchronous if all versions are known here. `ofRedis`: the entry is in Redis as
   * well.
   */
  current(stamps: readonly TagStamp[], ofRedis?: boolean): boolean | Promise<boolean>;
  /** Makes all entries with one of the tags misses. */
  invalidate(tags: readonly string[]): Promise<unknown>;
  /** Tags of an entry of this key: those of the caller, of its domains and of its dependencies. */
  namesOf(key: string, tags: readonly string[] | undefined): readonly string[];
  /** Must be called after keys were written or deleted: makes dependent entries misses. undefined: there are none. */
  changed(keys: readonly string[]): Promise<unknown> | undefined;
}

export interface CacheContext {
  readonly options: ResolvedCache;
  readonly events: Emitter<CacheEvent>;
  readonly statistics: Statistics;
  readonly refusals: Refusals;
  readonly singleFlight: SingleFlight;
  readonly fallback: Fallback;
  /** undefined: a memory cache. */
  readonly remote: Remote | undefined;
  readonly connection: CacheConnection | undefined;
  readonly local: LocalTier | undefined;
  readonly tags: Tags;
  /** Deletes all keys of the namespace in Redis and returns the number of entries. */
  readonly clearRemote: () => Promise<number>;
  readonly codecs: CodecChoice;
  /** Physical key of a logical one. @throws ConfigurationError not a valid key */
  readonly physical: (key: string) => string;
}
