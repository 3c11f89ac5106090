/**
 * Decides whether a value is fresh enough, and how long a new value is kept. Pure: time and randomness are arguments.
 */
import { endsWithTtl, type Freshness } from '../codec/envelope.ts';

/** Resolved `ComputeOptions`. */
export interface ComputeTerms {
  /** Period after a value becomes stale during which it is returned at once while it is being refreshed. */
  readonly staleMs: number;
  /** Period after a value becomes stale during which it is returned if a load fails or is slow. */
  readonly graceMs: number;
  readonly backoffMs: number;
  readonly softTimeoutMs: number | undefined;
  readonly hardTimeoutMs: number | undefined;
  /** Beta of XFetch; 0: no early refresh. */
  readonly earlyRefresh: number;
  /** Maximum share of the TTL that is removed at random. */
  readonly ttlJitter: number;
  readonly negativeTtlSeconds: number | undefined;
}

/**
 * State of a value:
 * - `fresh`: within its TTL
 * - `early`: fresh, and this caller refreshes it in the background
 * - `revalidate`: stale, returned while it is refreshed
 * - `grace`: stale, returned if the load fails
 * - `expired`: not used
 */
export type FreshnessState = 'fresh' | 'early' | 'revalidate' | 'grace' | 'expired';

/**
 * Evaluates the freshness of a value. Early refresh is XFetch (Vattani, Chierichetti, Lowenstein, "Optimal
 * Probabilistic Cache Stampede Prevention", VLDB 2015): the probability of a refresh rises as the TTL runs out, and is
 * higher for slower loads.
 */
export function evaluateFreshness(
  freshness: Freshness | undefined,
  terms: ComputeTerms,
  nowMs: number,
  random: () => number,
): FreshnessState {
  if (freshness === undefined || endsWithTtl(freshness)) return 'fresh';
  const pastMs = nowMs - freshness.freshUntilMs;
  if (pastMs < 0) {
    if (terms.earlyRefresh === 0) return 'fresh';
    // `1 - random()` is never 0, so the logarithm is finite.
    return pastMs - freshness.loadMs * terms.earlyRefresh * Math.log(1 - random()) >= 0 ? 'early' : 'fresh';
  }
  if (pastMs < terms.staleMs) return 'revalidate';
  return pastMs < terms.graceMs ? 'grace' : 'expired';
}

/** Decision on how a loaded value is stored. */
export interface StorePolicy {
  /** Seconds until the value is stale; null if there is no expiry. */
  readonly ttlSeconds: number | null;
  /** Seconds for which Redis keeps the value. */
  readonly keepSeconds: number | null;
  readonly freshness: Freshness | undefined;
  /** Whether the entry means "no value". */
  readonly nothing: boolean;
}

/** Returns how a loaded value is stored; undefined if it is not stored. */
export function storePolicyOf(
  value: unknown,
  ttlSeconds: number | null,
  terms: ComputeTerms & { readonly ownTtlSeconds?: number | null },
  load: { readonly endedMs: number; readonly tookMs: number },
  random: () => number,
): StorePolicy | undefined {
  const nothing = value === undefined;
  const negative = nothing || value === null ? terms.negativeTtlSeconds : undefined;
  if (nothing && negative === undefined) return undefined;
  // A TTL set by the loader takes precedence.
  const { ownTtlSeconds } = terms;
  const asked = ownTtlSeconds !== undefined ? ownTtlSeconds : (negative ?? ttlSeconds);
  if (asked === 0) return undefined;
  if (asked === null) return { ttlSeconds: null, keepSeconds: null, freshness: undefined, nothing };
  const jittered = asked * (1 - terms.ttlJitter * random());
  const windowSeconds = negative === undefined ? Math.max(terms.staleMs, terms.graceMs) / 1000 : 0;
  const judged = windowSeconds > 0 || terms.earlyRefresh > 0;
  return {
    ttlSeconds: jittered,
    keepSeconds: jittered + windowSeconds,
    freshness: judged
      ? { freshUntilMs: load.endedMs + jittered * 1000, loadMs: Math.max(1, load.tookMs) }
      : undefined,
    nothing,
  };
}
