/**
 * Bounds on which a promotion is based. Pure.
 *
 * Errors cluster by user: one user with a broken session has many errors. A binomial bound would count each of them as
 * an independent trial. The counts are therefore divided by the design effect of a beta-binomial: with m errors per
 * affected user on average, geometrically distributed, the variance is 2m - 1 times as large.
 */
import { proportionLowerBound, proportionUpperBound } from '../../harness/statistics/bounds.ts';

export interface Proportion {
  readonly events: number;
  readonly n: number;
}

/** Returns the variance of clustered errors relative to independent ones; 1 if every affected user had one error. */
export function designEffect(errors: number, affectedUsers: number): number {
  return affectedUsers === 0 ? 1 : Math.max(1, (2 * errors) / affectedUsers - 1);
}

/**
 * Returns the upper bound of p(canary) - p(control) at the one-sided confidence, from the Clopper-Pearson bounds of
 * both arms (MOVER, Zou and Donner 2008). 1 if an arm has no observations.
 *
 * @param effect design effect of both arms
 */
export function deltaUpperBound(
  canary: Proportion,
  control: Proportion,
  confidence: number,
  effect = 1,
): number {
  const [ofCanary, ofControl] = [thinned(canary, effect), thinned(control, effect)];
  if (ofCanary.n === 0 || ofControl.n === 0) return 1;
  const [p, q] = [ofCanary.events / ofCanary.n, ofControl.events / ofControl.n];
  const above = proportionUpperBound(ofCanary.events, ofCanary.n, confidence) - p;
  const below = q - proportionLowerBound(ofControl.events, ofControl.n, confidence);
  return Math.min(1, p - q + Math.hypot(above, below));
}

/** Returns the counts reduced to as many independent observations as carry the same information. */
function thinned({ events, n }: Proportion, effect: number): Proportion {
  const size = Math.floor(n / effect);
  return { n: size, events: Math.min(size, Math.round(events / effect)) };
}
