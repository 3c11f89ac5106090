/**
 * The claims of profile `full` beyond "n of n observed": a bound at a stated confidence, based on order statistics or
 * Clopper-Pearson. If the observation meets the target but the bound does not, there were too few trials for the claim:
 * INSUFFICIENT.
 */
import type { Gate } from '../../config/gates.ts';
import {
  proportionLowerBound,
  proportionUpperBound,
  quantileUpperBound,
  trialsNeeded,
} from '../statistics/bounds.ts';
import { largestOf } from '../statistics/quantile.ts';
import { amountsOf, poolProportions, type Reading } from './aggregate.ts';
import type { Bound } from './gate.ts';
import { compareToTarget, inWords, largerIsWorse } from './target.ts';

export interface Claimed {
  /** Null if there were too few observations for any bound. */
  readonly bound: Bound | null;
  readonly holds: boolean;
  /** Description of the claim, or of what is missing for it. */
  readonly why: string;
}

type Claim = NonNullable<Gate['claim']>;
type ClaimOf<K extends Claim['kind']> = Extract<Claim, { readonly kind: K }>;

export function boundOf(gate: Gate, claim: Claim, readings: readonly Reading[], n: number): Claimed {
  if (claim.kind === 'trials') return overTrials(claim, readings.length);
  if (claim.kind === 'quantile') return overQuantile(gate, claim, readings);
  return overProportion(gate, claim, readings, n);
}

/** Claims a share of trials. Every trial met the target; otherwise, the criterion would already have failed. */
function overTrials({ share, confidence }: ClaimOf<'trials'>, trials: number): Claimed {
  const value = proportionLowerBound(trials, trials, confidence);
  const holds = value >= share;
  const claim = `at least ${inWords(value, 'ratio')} of all trials would meet the target, at ${inWords(confidence, 'ratio')} confidence`;
  return {
    bound: { kind: 'lower', value, confidence, method: 'clopper-pearson' },
    holds,
    why: holds
      ? `${trials} of ${trials} trials: ${claim}`
      : `${trials} trials, ${trialsNeeded(share, confidence)} are needed to claim ${inWords(share, 'ratio')}; so far ${claim}`,
  };
}

function overQuantile(gate: Gate, claim: ClaimOf<'quantile'>, readings: readonly Reading[]): Claimed {
  const { quantile, confidence } = claim;
  const isUpper = largerIsWorse(gate.target);
  // If smaller values are worse, a lower bound is needed: the share `quantile` of all values is at least this bound,
  // which is computed as the upper bound of the mirrored values.
  const mirrored = isUpper ? 1 : -1;
  const boundOn = (values: ArrayLike<number>) =>
    quantileUpperBound(
      Float64Array.from(values, (each) => mirrored * each),
      quantile,
      confidence,
    );
  const p = `p${Number((quantile * 100).toPrecision(4))}`;
  // A distribution within a trial is bounded per trial, and the worst trial counts; if there is one value per trial,
  // these values form the sample.
  const distributions = readings.flatMap(({ figure }) => (figure.kind === 'distribution' ? [figure] : []));
  const inside = distributions.length === readings.length;
  const bounds = inside
    ? distributions.map(({ samples }) => boundOn(samples))
    : [boundOn(amountsOf(gate, readings))];
  const known = bounds.filter((bound) => bound !== undefined);
  const value = known.length === bounds.length ? mirrored * largestOf(known) : undefined;
  if (value === undefined) {
    const needed = trialsNeeded(quantile, confidence);
    const why = `too few to bound the ${p}: ${needed} ${inside ? 'observations per trial' : 'trials'} are needed`;
    return { bound: null, holds: false, why };
  }
  const holds = compareToTarget(value, gate.target);
  return {
    bound: { kind: isUpper ? 'upper' : 'lower', value, confidence, method: 'order-statistic' },
    holds,
    why: isUpper
      ? `the ${p} is at most ${inWords(value, gate.unit)} at ${inWords(confidence, 'ratio')} confidence`
      : `${inWords(quantile, 'ratio')} of all values are at least ${inWords(value, gate.unit)} at ${inWords(confidence, 'ratio')} confidence`,
  };
}

function overProportion(
  gate: Gate,
  claim: ClaimOf<'proportion'>,
  readings: readonly Reading[],
  n: number,
): Claimed {
  const { confidence } = claim;
  const { successes, n: observations } = poolProportions(readings);
  const upper = largerIsWorse(gate.target);
  const value = upper
    ? proportionUpperBound(successes, observations, confidence)
    : proportionLowerBound(successes, observations, confidence);
  const holds = compareToTarget(value, gate.target);
  const side = upper ? 'at most' : 'at least';
  return {
    bound: { kind: upper ? 'upper' : 'lower', value, confidence, method: 'clopper-pearson' },
    holds,
    why: `${side} ${inWords(value, gate.unit)} at ${inWords(confidence, 'ratio')} confidence${holds ? '' : `: ${n} observations are too few for the claim`}`,
  };
}
