/**
 * Sample-ratio test: does the share of users in the canary equal the share that the stage sets? Pure.
 *
 * Bayes factor of "any share" (uniform) against "this share", an e-value at every look (Lindon and Malek 2022): 1/e is
 * a p-value that stays valid however often it is read. A chi-squared test at each look would not be valid.
 */
import { logGamma } from '../../harness/statistics/beta.ts';

/** Returns the p-value, at most 1. */
export function sampleRatioP(canaryUsers: number, users: number, share: number): number {
  if (users === 0 || share <= 0 || share >= 1) return 1;
  const control = users - canaryUsers;
  const logBeta = logGamma(canaryUsers + 1) + logGamma(control + 1) - logGamma(users + 2);
  const log = logBeta - canaryUsers * Math.log(share) - control * Math.log1p(-share);
  return Math.min(1, Math.exp(-log));
}
