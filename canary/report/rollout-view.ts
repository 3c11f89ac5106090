/** The looks of a rollout, in the form shown by `kit canary-status --html` and by the report of a run. Types only. */
import type { Decision, Figures } from '../judge/types.ts';

export type ShownFigures = Pick<
  Figures,
  'canary' | 'control' | 'evidence' | 'errorDeltaUpper' | 'slowDeltaUpper'
>;

export interface ShownDecision extends Omit<Decision, 'figures'> {
  readonly figures: ShownFigures | null;
}

export interface RolloutLook {
  /** Unix time, or time since the start of the rollout, in ms. */
  readonly atMs: number;
  readonly decision: ShownDecision;
}

/** E-values at or above which a stage is rolled back: 1/alpha, from the settings. */
export interface RollbackLimits {
  readonly users: number;
  readonly slow: number;
}
