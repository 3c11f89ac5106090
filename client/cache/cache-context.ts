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

/** Versions of tags. An entry holds while every stamp on it is its tag's current version. */
export interface Tags {
  /** The current stamps of these tags, made where there are none. */
  stamps(tags: readonly string[]): Promise<readonly TagStamp[]>;
  /** `stamps` at once, where all versions are known here. */
  stampsKnown(tags: readonly string[]): readonly TagStamp[] | undefined;
  /** As `stamps`, without Redis: for entries that only this process has. */
  stampsHere(tags: readonly string[]): Promise<readonly TagStamp[]>;
  /** At once where all versions are known here. `ofRedis`: the entry is not one that only this process has. */
  current(stamps: readonly TagStamp[], ofRedis?: boolean): boolean | Promise<boolean>;
  /** All entries that carry one of them are misses from now on. */
  invalidate(tags: readonly string[]): Promise<unknown>;
  /** The tags that an entry of this key carries: those that the caller names, its domains', its dependencies'. */
  namesOf(key: string, tags: readonly string[] | undefined): readonly string[];
  /** The keys were written or deleted: what depends on them is a miss. undefined: nothing does. */
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
  /** Deletes all that Redis has of the namespace; how many entries there were. */
  readonly clearRemote: () => Promise<number>;
  readonly codecs: CodecChoice;
  /** Physical key of a logical one. @throws ConfigurationError not a key */
  readonly physical: (key: string) => string;
}
