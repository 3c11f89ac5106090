/**
 * A checker: `(History, context) → valid, invalid or unknown`, with figures. Pure: no network, clock or disk, and no
 * configuration except the one in the context, which comes from the evidence.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { History } from '../history/events.ts';
import type { Distribution } from '../statistics/quantile.ts';

export type { Distribution };

/** Samples of a distribution. The kit uses a `Float64Array`, which needs a third of the memory during sorting. */
export type Samples = readonly number[] | Float64Array;

/**
 * A number that a gate may refer to. `n` is the number of observations behind it.
 * `proportion` keeps its counts, so that a bound can be computed; `distribution` keeps its order statistics.
 */
export type Figure =
  | { readonly kind: 'value'; readonly value: number; readonly unit: string; readonly n: number }
  | { readonly kind: 'proportion'; readonly successes: number; readonly n: number; readonly unit: 'ratio' }
  | {
      readonly kind: 'distribution';
      readonly distribution: Distribution;
      /** All samples in ascending order, so that a claim can bound any quantile at its own confidence. */
      readonly samples: Samples;
      readonly unit: string;
      readonly n: number;
    };

export interface CheckContext {
  readonly environment: EnvironmentConfig;
  readonly drill: string;
  /** The client whose operations are judged, such as `kit` or `ioredis`. */
  readonly client: string;
  /** Substrate of the nodes. For an `external` Redis, the environment's configuration applies to the client alone. */
  readonly substrate?: string;
  /** Ids of the expectations that the drill declares, for every node of the environment. */
  readonly expected?: readonly string[];
  /** Expectations that a slow machine alone can break. */
  readonly timed?: readonly string[];
  /** Number of failovers that the drill's faults require. */
  readonly neededFailovers?: number;
}

export interface CheckResult {
  readonly checker: string;
  readonly drill: string;
  readonly trial: number;
  readonly client: string;
  /**
   * `invalid`: the property is violated. `unknown`: the history does not show whether the property holds. The finding
   * has no figure if none was recorded (no final read, no fault), and an unreliable figure if something, such as
   * evictions, distorted it.
   */
  readonly validity: 'valid' | 'invalid' | 'unknown';
  /**
   * Reasons why the finding is invalid or unknown, each with up to three examples. A reason that concerns a single
   * figure begins with `<figure>: `.
   */
  readonly reasons: readonly string[];
  /**
   * Action that makes the next history conclusive; only for `unknown`. If absent, the action is to run the drill again.
   */
  readonly remedy?: string;
  /** Corrections, each with the node and both values; at most three. Reports show them before the gate's own remedy. */
  readonly remedies?: readonly string[];
  readonly figures: Readonly<Record<string, Figure>>;
  /**
   * Parts of figures that a slow machine cannot change. They count even if the machine was too busy for a valid
   * measurement.
   */
  readonly untimed?: Readonly<Record<string, Figure>>;
  /** Figures that the history does not show, each with the reason. The other figures may still be valid. */
  readonly unmeasured?: Readonly<Record<string, string>>;
}

export interface Checker {
  readonly id: string;
  /** The property that the checker proves, in one sentence; printed by `kit drill --list`. */
  readonly proves: string;
  check(history: History, context: CheckContext): Omit<CheckResult, 'checker' | 'drill' | 'trial' | 'client'>;
}
