/** Resolves the options of `getOrCompute`: from the call, otherwise from the cache, otherwise the defaults. */

import type { ComputeDefaults, ComputeOptions } from '../api/types.ts';
import { checkNumber } from '../options/option-values.ts';
import type { ComputeTerms } from './policy.ts';

export interface ResolvedCompute {
  readonly terms: ComputeTerms;
  /** Lease time in ms; 0: no leases, every process loads for itself. */
  readonly leaseMs: number;
  readonly replyTimeoutMs: number;
}

const YEAR_SECONDS = 31_536_000;
const DAY_MS = 86_400_000;
/** Minimum lease time: a shorter lease could expire during a garbage collection pause. */
const LEASE_MIN_MS = 100;
const LEASE_MS = 2000;
/** Default reply timeout. It leaves the loader 30 ms if the budget of a call is 100 ms. */
const REPLY_TIMEOUT_MS = 70;

const DEFAULTS: ComputeTerms = Object.freeze({
  staleMs: 0,
  graceMs: 0,
  backoffMs: 1000,
  softTimeoutMs: undefined,
  hardTimeoutMs: undefined,
  earlyRefresh: 0,
  ttlJitter: 0,
  negativeTtlSeconds: undefined,
});

export function resolveCompute(options: ComputeDefaults = {}): ResolvedCompute {
  const leaseMs =
    options.leaseMs === 0 ? 0 : checkNumber('compute.leaseMs', options.leaseMs, LEASE_MIN_MS, DAY_MS);
  return {
    terms: resolveTerms(options, DEFAULTS, 'compute.'),
    leaseMs: leaseMs ?? LEASE_MS,
    replyTimeoutMs:
      checkNumber('compute.replyTimeoutMs', options.replyTimeoutMs, 1, DAY_MS) ?? REPLY_TIMEOUT_MS,
  };
}

/** Resolves the options. @param defaults values for options that are not set */
export function resolveTerms(options: ComputeOptions, defaults: ComputeTerms, path = ''): ComputeTerms {
  if (!NAMES.some((name) => options[name] !== undefined)) return defaults;
  const read = (name: keyof ComputeOptions, min: number, max: number): number | undefined =>
    checkNumber(`${path}${name}`, options[name], min, max);
  const staleSeconds = read('staleWhileRevalidateSeconds', 0, YEAR_SECONDS);
  const graceSeconds = read('graceSeconds', 0, YEAR_SECONDS);
  return {
    staleMs: staleSeconds === undefined ? defaults.staleMs : staleSeconds * 1000,
    graceMs: graceSeconds === undefined ? defaults.graceMs : graceSeconds * 1000,
    backoffMs: read('graceBackoffMs', 0, DAY_MS) ?? defaults.backoffMs,
    softTimeoutMs: read('softTimeoutMs', 0, DAY_MS) ?? defaults.softTimeoutMs,
    hardTimeoutMs: read('hardTimeoutMs', 1, DAY_MS) ?? defaults.hardTimeoutMs,
    earlyRefresh: read('earlyRefresh', 0, 100) ?? defaults.earlyRefresh,
    ttlJitter: read('ttlJitter', 0, 1) ?? defaults.ttlJitter,
    negativeTtlSeconds: read('negativeTtlSeconds', 0, YEAR_SECONDS) ?? defaults.negativeTtlSeconds,
  };
}

const NAMES = [
  'staleWhileRevalidateSeconds',
  'graceSeconds',
  'graceBackoffMs',
  'softTimeoutMs',
  'hardTimeoutMs',
  'earlyRefresh',
  'ttlJitter',
  'negativeTtlSeconds',
] as const satisfies readonly (keyof ComputeOptions)[];
