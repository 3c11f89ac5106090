/** Scope of a run: the properties that decide which gates apply to it. Pure. */
import type { Gates } from '../../config/gates.ts';
import { type EnvironmentConfig, PROMISES, promisesOf } from '../../config/schema.ts';
import type { Manifest, TrialRecord } from '../evidence/manifest.ts';
import type { RunScope } from '../gates/scope.ts';

export interface ScopeInputs extends Pick<RunScope, 'inputs' | 'asked'> {
  readonly trials: readonly TrialRecord[];
  /** Gates; undefined if they are missing from the evidence: then there are no criteria. */
  readonly gates: Gates | undefined;
  /** Configuration; undefined if it is missing from the evidence: then all gates apply, and none passes. */
  readonly environment: EnvironmentConfig | undefined;
}

export function scopeOf(
  {
    kind,
    environment: name,
    substrate,
    profile,
  }: Pick<Manifest, 'kind' | 'environment' | 'substrate' | 'profile'>,
  { environment, gates, inputs, asked, trials }: ScopeInputs,
): RunScope {
  return {
    ...{ kind, environment: name, substrate, profile, inputs, asked },
    fullOnly: new Set(gates?.fullOnly),
    unsupported: new Map(
      trials.flatMap(({ drill, lacks, reason = '' }) => (lacks === undefined ? [] : [[drill, reason]])),
    ),
    // The topology of an external Redis is unknown, so all gates apply to it.
    topology: substrate === 'external' ? 'sentinel' : (environment?.topology.kind ?? 'sentinel'),
    // Also false for a run that was recorded before the setting existed.
    fastDetection: environment?.sentinel.fast === true,
    hasWatchdog: substrate !== 'external' && mayHaveWatchdog(environment),
    promises: environment === undefined ? new Set(PROMISES) : promisesOf(environment),
  };
}

/** Returns whether the topology includes a watchdog; also true if the configuration is missing from the evidence. */
function mayHaveWatchdog(environment: EnvironmentConfig | undefined): boolean {
  return environment === undefined || (environment.sentinel.watchdog && environment.topology.sentinels > 0);
}
