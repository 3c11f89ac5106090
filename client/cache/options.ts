/** Resolves options and their defaults once. The `ConfigurationError` for an invalid value quotes the value. */

import { ConfigurationError } from '../api/errors.ts';
import type { DomainPatterns } from '../api/invalidation.ts';
import type { BreakerOptions, CacheOptions, Durability, L1Options } from '../api/types.ts';
import type { CodecChoice } from '../codec/codec.ts';
import { CodecSelection } from '../codec/codec.ts';
import type { ScriptingTerms } from '../functions/procedures.ts';
import { assertName } from '../keys/identity.ts';
import { type ResolvedCompute, resolveCompute } from '../load/options.ts';
import { BREAKER, COMPUTE, DURABILITY, L1, SAMPLING, SCRIPTING } from '../options/cache-option-names.ts';
import { durationHint } from '../options/duration-hint.ts';
import { LIMITS } from '../options/limits.ts';
import { assertOptions } from '../options/option-names.ts';
import {
  checkFlag,
  checkGroup,
  checkInteger,
  checkList,
  checkName,
  shown,
} from '../options/option-values.ts';
import type { FailureWindowOptions } from './failure-window.ts';

/**
 * Memory limit for entries in this process: enough for about 10,000 decoded documents of 1 KB, or 32 values of 2 MB.
 */
const MEMORY_BYTES = 64 * 1024 * 1024;
const MEMORY_BYTES_MAX = 1_000_000_000_000;

export type ResolvedBreaker = Required<Omit<BreakerOptions, 'sampling'>> & {
  readonly sampling: FailureWindowOptions | undefined;
};

export interface ResolvedCache {
  readonly namespace: string;
  readonly defaultTtlSeconds: number | null;
  readonly breaker: ResolvedBreaker;
  readonly fallbackEntries: number;
  readonly fallbackBytes: number;
  readonly durability: Durability;
  readonly domains: DomainPatterns;
  readonly enabled: boolean;
  readonly codecs: CodecChoice;
  readonly deflateAboveBytes: number | undefined;
  readonly l1: Required<L1Options> | undefined;
  readonly compute: ResolvedCompute;
  readonly scripting: ScriptingTerms;
}

/** Removes duplicate prefixes. Rejects a prefix that covers another one, because Redis refuses overlapping prefixes. */
function resolvePrefixes(prefixes: readonly string[]): readonly string[] {
  for (const prefix of prefixes) {
    assertName('l1.prefixes', prefix);
    if (prefix.startsWith('~'))
      throw new ConfigurationError(`l1.prefixes: must not begin with '~', got ${shown(prefix)}`);
    const longer = prefixes.find((other) => other !== prefix && other.startsWith(prefix));
    if (longer !== undefined)
      throw new ConfigurationError(
        `l1.prefixes: ${shown(prefix)} covers ${shown(longer)}; remove ${shown(longer)}`,
      );
  }
  return [...new Set(prefixes)];
}

/** Resolves a TTL; null means no expiry. */
export function resolveTtl(
  path: string,
  value: number | null | undefined,
  fallback: number | null,
): number | null {
  if (value === undefined) return fallback;
  if (value === null) return null;
  if (typeof value !== 'number' || !(value >= 0) || value > LIMITS.ttlSeconds)
    throw new ConfigurationError(
      `${path}: must be a number of seconds between 0 (do not store) and ${LIMITS.ttlSeconds}, or null (no expiry), got ${shown(value)}${durationHint(path, value)}`,
    );
  return value;
}

export function resolveDurability(
  path: string,
  value: Durability | undefined,
  fallback: Durability,
): Durability {
  if (value === undefined) return fallback;
  if (value === 'async') return value;
  if (typeof value !== 'object' || value === null)
    throw new ConfigurationError(`${path}: must be 'async' or { replicas, timeoutMs }, got ${shown(value)}`);
  assertOptions(path, value, DURABILITY);
  return {
    replicas: checkInteger(`${path}.replicas`, value.replicas, 1, 1, 100),
    timeoutMs: checkInteger(`${path}.timeoutMs`, value.timeoutMs, 1000, 1, 60_000),
  };
}

function windowOptions(given: BreakerOptions['sampling']): FailureWindowOptions | undefined {
  const options = checkGroup('breaker.sampling', given, SAMPLING);
  if (options === undefined) return undefined;
  const { failureRatio = 0.5, minCalls, windowMs } = options;
  if (typeof failureRatio !== 'number' || !(failureRatio > 0 && failureRatio <= 1))
    throw new ConfigurationError(
      `breaker.sampling.failureRatio: must be a number greater than 0 and at most 1, got ${shown(failureRatio)}`,
    );
  return {
    failureRatio,
    minCalls: checkInteger('breaker.sampling.minCalls', minCalls, 20, 1, 1_000_000),
    windowMs: checkInteger('breaker.sampling.windowMs', windowMs, 10_000, 100, 600_000),
  };
}

export function resolveCache(options: CacheOptions): ResolvedCache {
  const breaker = checkGroup('breaker', options.breaker, BREAKER) ?? {};
  const l1 = checkGroup('l1', options.l1, L1);
  const scripting = checkGroup('scripting', options.scripting, SCRIPTING) ?? {};
  const namespace = checkName('namespace', options.namespace, 'cache');
  if (namespace.endsWith(':'))
    throw new ConfigurationError(
      `namespace: must not end with ':' (the cache adds it), got ${shown(namespace)}`,
    );
  return Object.freeze({
    namespace,
    defaultTtlSeconds: resolveTtl('defaultTtlSeconds', options.defaultTtlSeconds, 3600),
    breaker: {
      enabled: checkFlag('breaker.enabled', breaker.enabled, true),
      threshold: checkInteger('breaker.threshold', breaker.threshold, 5, 1, LIMITS.threshold),
      openMs: checkInteger('breaker.openMs', breaker.openMs, LIMITS.openMs, 1, LIMITS.openMs),
      probeIntervalMs: checkInteger(
        'breaker.probeIntervalMs',
        breaker.probeIntervalMs,
        500,
        10,
        LIMITS.openMs,
      ),
      sampling: windowOptions(breaker.sampling),
    },
    fallbackEntries: checkInteger('fallbackEntries', options.fallbackEntries, 1000, 0, 100_000_000),
    fallbackBytes: checkInteger('fallbackBytes', options.fallbackBytes, MEMORY_BYTES, 1, MEMORY_BYTES_MAX),
    durability: resolveDurability('durability', options.durability, 'async'),
    enabled: checkFlag('enabled', options.enabled, true),
    codecs: new CodecSelection(checkList('codecs', options.codecs), options.defaultCodec),
    domains: checkGroup('domains', options.domains) ?? {},
    compute: resolveCompute(checkGroup('compute', options.compute, COMPUTE)),
    scripting: {
      loadFunctions: checkFlag('scripting.loadFunctions', scripting.loadFunctions, true),
      evalScripts: checkFlag('scripting.evalScripts', scripting.evalScripts, true),
    },
    l1: l1 && {
      maxEntries: checkInteger('l1.maxEntries', l1.maxEntries, 10_000, 1, 100_000_000),
      maxBytes: checkInteger('l1.maxBytes', l1.maxBytes, MEMORY_BYTES, 1, MEMORY_BYTES_MAX),
      ttlSeconds: checkInteger('l1.ttlSeconds', l1.ttlSeconds, 60, 1, LIMITS.ttlSeconds),
      boundMs: checkInteger('l1.boundMs', l1.boundMs, 500, 50, 60_000),
      prefixes: resolvePrefixes(checkList('l1.prefixes', l1.prefixes) ?? []),
    },
    deflateAboveBytes:
      options.deflateAboveBytes === undefined
        ? undefined
        : checkInteger('deflateAboveBytes', options.deflateAboveBytes, 0, 1, 1_000_000_000),
  });
}
