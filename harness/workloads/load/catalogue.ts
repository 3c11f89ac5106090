/**
 * Keys and values for a load: 36 characters per key, and value sizes from Twitter's traces (see `values.ts`). The
 * expiries come from the same traces: a quarter of the clusters have a mean TTL below 20 minutes, a quarter above 2
 * days (Yang, OSDI 2020, section 4.4). The value of a key begins with its rank, so that a read can be checked.
 */
import type { Random } from '../random.ts';
import { padValue, valueBytes } from '../values.ts';
import { keyOfRank } from './keys.ts';

/** Expiries in seconds, with their shares. */
const TTL_MIX = [
  { seconds: 1_200, share: 0.25 },
  { seconds: 43_200, share: 0.5 },
  { seconds: 172_800, share: 0.25 },
] as const;

export interface Catalogue {
  readonly size: number;
  keyOf(rank: number): string;
  /** Returns a new value for the key, with a newly drawn size. */
  newValueOf(rank: number): string;
  ttlSecondsOf(rank: number): number;
  /** Whether a value that was read belongs to the key. */
  isValueOf(rank: number, value: string): boolean;
}

/** Returns the catalogue. @param size number of keys, most popular first */
export function loadCatalogue(size: number, tag: string, maxValueBytes: number, random: Random): Catalogue {
  const tagOf = (rank: number) => `r${rank}`;
  return {
    size,
    keyOf: (rank) => keyOfRank(tag, rank),
    newValueOf: (rank) => padValue(tagOf(rank), valueBytes(random, maxValueBytes)),
    ttlSecondsOf(rank) {
      // The expiry is derived from the rank instead of being drawn at random, so that a key keeps its expiry.
      let point = ((rank * 0.618_033_988_75) % 1) - Number.EPSILON;
      for (const { seconds, share } of TTL_MIX) {
        point -= share;
        if (point < 0) return seconds;
      }
      return TTL_MIX[0].seconds;
    },
    isValueOf: (rank, value) => value === tagOf(rank) || value.startsWith(`${tagOf(rank)}|`),
  };
}
