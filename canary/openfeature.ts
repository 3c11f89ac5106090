/**
 * OpenFeature, in both directions. The types are those of `@openfeature/server-sdk` 1.x, by structure: an application that uses
 * the SDK passes its own, and this project does not depend on it (tried with 1.23.0).
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
  readonly variant?: string;
  readonly reason: string;
  readonly errorCode?: 'FLAG_NOT_FOUND' | 'TYPE_MISMATCH' | 'TARGETING_KEY_MISSING';
  readonly errorMessage?: string;
}

/** Provider of one boolean flag, the name of the canary: true for users in the canary. */
export class CanaryProvider {
  readonly metadata = { name: 'redis-cache-kit canary' } as const;
  readonly runsOn = 'server' as const;
  readonly #service: CanaryTestingService;

  constructor(service: CanaryTestingService) {
    this.#service = service;
  }

  async resolveBooleanEvaluation(
    flagKey: string,
    defaultValue: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    const { flag } = this.#service.config;
    if (flagKey !== flag) {
      return failed(
        defaultValue,
        'FLAG_NOT_FOUND',
        `'${flagKey}' is not a flag of this provider; it has '${flag}'`,
      );
    }
    const { targetingKey } = context;
    if (targetingKey === undefined || targetingKey === '') {
      return failed(
        defaultValue,
        'TARGETING_KEY_MISSING',
        'targetingKey: must be the id of a user or session',
      );
    }
    const { arm } = this.#service.assign(targetingKey);
    return { value: arm === 'canary', variant: arm, reason: arm === 'off' ? 'DISABLED' : 'SPLIT' };
  }

  resolveStringEvaluation<T extends string>(flagKey: string, value: T): Promise<ResolutionDetails<T>> {
    return mismatch(flagKey, value);
  }

  resolveNumberEvaluation<T extends number>(flagKey: string, value: T): Promise<ResolutionDetails<T>> {
    return mismatch(flagKey, value);
  }

  resolveObjectEvaluation<T>(flagKey: string, value: T): Promise<ResolutionDetails<T>> {
    return mismatch(flagKey, value);
  }
}

/** The part of an OpenFeature client that is used. */
export interface BooleanFlags {
  getBooleanValue(flagKey: string, defaultValue: boolean): Promise<boolean>;
}

/**
 * Switches from the flag system of a team. A flag that it does not answer is off.
 *
 * @param names of the two flags; default `enable-redis-cache` and `enable-pattern-cache`
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

function failed<T>(
  value: T,
  errorCode: NonNullable<ResolutionDetails<T>['errorCode']>,
  errorMessage: string,
): ResolutionDetails<T> {
  return { value, reason: 'ERROR', errorCode, errorMessage };
}

async function mismatch<T>(flagKey: string, value: T): Promise<ResolutionDetails<T>> {
  return failed(value, 'TYPE_MISMATCH', `'${flagKey}' is a boolean flag`);
}
