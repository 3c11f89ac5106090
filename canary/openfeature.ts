/**
 * OpenFeature integration in both directions. The types are structurally compatible with the interfaces `Provider` and
 * `Client` of `@openfeature/server-sdk` 1.x: an application that uses the SDK passes its own objects, and this project
 * does not depend on the SDK. A provider may return an error code, whose enum exists only in the SDK, or throw an error
 * with a `code`: this provider throws.
 *
 *   application ─▶ OpenFeature client ─▶ CanaryProvider ─▶ CanaryTestingService      the canary as a flag
 *   CanaryTestingService ─▶ openFeatureFlags ─▶ OpenFeature client ─▶ the team's own flag system      the switches
 */
import type { FlagSource } from './flags.ts';
import type { CanaryTestingService } from './service.ts';

/** Context of an evaluation: `targetingKey` is the user or session. */
export interface EvaluationContext {
  readonly targetingKey?: string;
}

export interface ResolutionDetails<T> {
  readonly value: T;
  readonly variant: string;
  readonly reason: 'SPLIT' | 'DISABLED';
}

/** Evaluation error. The SDK client catches it and returns the default value with this code. */
export class CanaryProviderError extends Error {
  override readonly name = 'CanaryProviderError';
  readonly code: 'FLAG_NOT_FOUND' | 'TYPE_MISMATCH' | 'TARGETING_KEY_MISSING';

  constructor(code: CanaryProviderError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Provider of one boolean flag, named after the canary: true for users in the canary. */
export class CanaryProvider {
  readonly metadata = { name: 'redis-cache-kit canary' } as const;
  readonly runsOn = 'server' as const;
  readonly #service: CanaryTestingService;

  constructor(service: CanaryTestingService) {
    this.#service = service;
  }

  /** Evaluates the flag. @throws CanaryProviderError for another flag, or without a targeting key */
  async resolveBooleanEvaluation(
    flagKey: string,
    _defaultValue: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    const { flag } = this.#service.config;
    if (flagKey !== flag) {
      const message = `'${flagKey}' is not a flag of this provider; it has '${flag}'`;
      throw new CanaryProviderError('FLAG_NOT_FOUND', message);
    }
    const { targetingKey } = context;
    if (targetingKey === undefined || targetingKey === '') {
      const message = 'targetingKey: must be the id of a user or session';
      throw new CanaryProviderError('TARGETING_KEY_MISSING', message);
    }
    const { arm } = this.#service.assign(targetingKey);
    return { value: arm === 'canary', variant: arm, reason: arm === 'off' ? 'DISABLED' : 'SPLIT' };
  }

  /** @throws CanaryProviderError */
  resolveStringEvaluation(flagKey: string): Promise<never> {
    return mismatch(flagKey);
  }

  /** @throws CanaryProviderError */
  resolveNumberEvaluation(flagKey: string): Promise<never> {
    return mismatch(flagKey);
  }

  /** @throws CanaryProviderError */
  resolveObjectEvaluation(flagKey: string): Promise<never> {
    return mismatch(flagKey);
  }
}

/** The part of an OpenFeature client that this project uses. */
export interface BooleanFlags {
  getBooleanValue(flagKey: string, defaultValue: boolean): Promise<boolean>;
}

/**
 * Returns the switches from a team's own flag system. A flag that cannot be evaluated is off.
 *
 * @param names names of the two flags; default `enable-redis-cache` and `enable-pattern-cache`
 */
export function openFeatureFlags(
  client: BooleanFlags,
  names: { readonly redisCache?: string; readonly patternCache?: string } = {},
): FlagSource {
  const { redisCache = 'enable-redis-cache', patternCache = 'enable-pattern-cache' } = names;
  return {
    async read() {
      const [redis, pattern] = await Promise.all([
        client.getBooleanValue(redisCache, false),
        client.getBooleanValue(patternCache, false),
      ]);
      return { redisCache: redis, patternCache: pattern };
    },
  };
}

async function mismatch(flagKey: string): Promise<never> {
  throw new CanaryProviderError('TYPE_MISMATCH', `'${flagKey}' is a boolean flag`);
}
