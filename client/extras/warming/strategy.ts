/** Warming strategies: their data and schedule, their defaults, and the five strategies that most applications need. */

import { ConfigurationError } from '../../api/errors.ts';
import { resolveTtl } from '../../cache/options.ts';
import { assertGiven } from '../../options/arguments.ts';
import { assertOptions, optionNames } from '../../options/option-names.ts';
import { checkFlag, checkInteger, checkList, checkNumber } from '../../options/option-values.ts';

/** Entry to warm: a value, or a function that returns the value. */
export type WarmEntry = readonly [key: string, value: unknown];
/** Result of a generator; an AsyncIterable is read batch by batch. */
export type WarmEntries = Iterable<WarmEntry> | AsyncIterable<WarmEntry>;

/** The data to warm, and how and when to warm it. */
export interface WarmingStrategy {
  /** Name of the strategy. Registering another strategy with the same name replaces it. */
  readonly name: string;
  /** Priority: 1 runs first, 10 last; default 1. */
  readonly priority?: number;
  /** false: the strategy is registered but never run; default true. */
  readonly enabled?: boolean;
  /**
   * Cron expression (requires the package croner), such as `0,15,30,45 * * * *` for every 15 minutes. Default: none.
   */
  readonly schedule?: string;
  /** IANA time zone of `schedule`; default: the time zone of the process. */
  readonly timezone?: string;
  /** Whether `start` runs the strategy; default true. */
  readonly onStartup?: boolean;
  /** Whether `run` and `runAll` may run the strategy; default true. */
  readonly onDemand?: boolean;
  /** Number of entries between two pauses; default 100. More than 500 entries are written in parts of 500. */
  readonly batchSize?: number;
  /** Pause between batches, in seconds, so that Redis can serve other clients; default 0.1. */
  readonly delaySeconds?: number;
  /** TTL of the entries, in seconds; null for no expiry; default 3600. */
  readonly ttlSeconds?: number | null;
  /** Tags of the entries; default: none. */
  readonly tags?: readonly string[];
  /**
   * Generates the entries. A value overwrites an existing entry. A function is called only if the entry is absent. It
   * is called as a `getOrCompute` loader, so it does not undo a deletion that happens during warming.
   */
  readonly generate: (signal: AbortSignal) => WarmEntries | Promise<WarmEntries>;
}

const STRATEGY = optionNames<WarmingStrategy>({
  name: true,
  priority: true,
  enabled: true,
  schedule: true,
  timezone: true,
  onStartup: true,
  onDemand: true,
  batchSize: true,
  delaySeconds: true,
  ttlSeconds: true,
  tags: true,
  generate: true,
});

/** A strategy with its defaults filled in. */
export type ResolvedStrategy = Required<Omit<WarmingStrategy, 'schedule' | 'timezone'>> &
  Pick<WarmingStrategy, 'schedule' | 'timezone'>;

export function resolveStrategy(strategy: WarmingStrategy): ResolvedStrategy {
  assertGiven('strategy', strategy);
  assertOptions('strategy', strategy, STRATEGY);
  const { name } = strategy;
  if (typeof name !== 'string' || name === '')
    throw new ConfigurationError(`name: must be a non-empty string, got ${JSON.stringify(name)}`);
  const path = (field: keyof WarmingStrategy): string => `strategy ${name}: ${field}`;
  if (typeof strategy.generate !== 'function')
    throw new ConfigurationError(
      `strategy ${name}: generate: must be a function, got ${String(strategy.generate)}`,
    );
  return {
    ...strategy,
    priority: checkInteger(path('priority'), strategy.priority, 1, 1, 10),
    enabled: checkFlag(path('enabled'), strategy.enabled, true),
    onStartup: checkFlag(path('onStartup'), strategy.onStartup, true),
    onDemand: checkFlag(path('onDemand'), strategy.onDemand, true),
    batchSize: checkInteger(path('batchSize'), strategy.batchSize, 100, 1, 100_000),
    delaySeconds: checkNumber(path('delaySeconds'), strategy.delaySeconds, 0, 3600) ?? 0.1,
    ttlSeconds: resolveTtl(path('ttlSeconds'), strategy.ttlSeconds, 3600),
    tags: checkList(path('tags'), strategy.tags) ?? [],
  };
}

/** Roles of the five usual strategies. */
export type DefaultRole =
  | 'criticalData'
  | 'detectorModels'
  | 'popularDatasets'
  | 'apiResponses'
  | 'userSessions';

const DEFAULTS = {
  criticalData: {
    name: 'critical-application-data',
    priority: 1,
    ttlSeconds: 7200,
    tags: ['critical', 'config'],
  },
  detectorModels: { name: 'detector-models', priority: 2, ttlSeconds: 3600, tags: ['models'] },
  popularDatasets: { name: 'popular-datasets', priority: 3, ttlSeconds: 1800, tags: ['datasets'] },
  apiResponses: { name: 'api-responses', priority: 4, ttlSeconds: 600, tags: ['api'] },
  userSessions: { name: 'user-sessions', priority: 5, ttlSeconds: 1800, tags: ['sessions'] },
} as const satisfies Readonly<Record<DefaultRole, Partial<WarmingStrategy>>>;

/** Generators of the default strategies, by role. */
export type DefaultGenerators = Partial<Readonly<Record<DefaultRole, WarmingStrategy['generate']>>>;

/**
 * Returns the five default strategies. The application provides the generators; a strategy without a generator is
 * disabled.
 */
export function defaultStrategies(generators: DefaultGenerators): readonly WarmingStrategy[] {
  assertGiven('generators', generators);
  assertOptions('generators', generators, new Set(Object.keys(DEFAULTS)));
  return Object.entries(DEFAULTS).map(([role, strategy]) => {
    const generate = generators[role as DefaultRole];
    return { ...strategy, enabled: generate !== undefined, generate: generate ?? (() => []) };
  });
}
