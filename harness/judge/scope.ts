/** Scope of a run: the properties by which gates ask something of it, or not. Pure. */
import { type EnvironmentConfig, PROMISES, promisesOf } from '../../config/schema.ts';
import type { Manifest } from '../evidence/manifest.ts';
import type { RunScope } from '../gates/scope.ts';

export interface ScopeInputs extends Pick<RunScope, 'inputs' | 'asked'> {
  /** Undefined where the evidence lacks its configuration: such a run is asked everything, and answers nothing. */
  readonly environment: EnvironmentConfig | undefined;
}

export function scopeOf(
  {
    kind,
    environment: name,
    substrate,
    profile,
  }: Pick<Manifest, 'kind' | 'environment' | 'substrate' | 'profile'>,
  { environment, inputs, asked }: ScopeInputs,
): RunScope {
  return {
    ...{ kind, environment: name, substrate, profile, inputs, asked },
    // The topology of an attached Redis is not known: it is asked everything, too.
    topology: substrate === 'attached' ? 'sentinel' : (environment?.topology.kind ?? 'sentinel'),
    promises: environment === undefined ? new Set(PROMISES) : promisesOf(environment),
  };
}
