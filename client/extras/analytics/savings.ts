/** Estimates the savings of a cache and shows the calculation. */
import { ConfigurationError } from '../../api/errors.ts';
import { assertGiven } from '../../options/arguments.ts';
import { assertOptions, optionNames } from '../../options/option-names.ts';

const HOURS_PER_YEAR = 8760;
const MS_PER_HOUR = 3_600_000;

/** An estimate with its calculation. */
export interface Savings {
  readonly callsSavedPerDay: number;
  readonly computeHoursPerYear: number;
  /** Present if a price was given. */
  readonly costSavedPerYear?: number;
  /** Calculation in text form, for verification. */
  readonly arithmetic: string;
}

const SAVINGS = optionNames<Parameters<typeof estimateSavings>[0]>({
  queriesPerHour: true,
  hitRatio: true,
  savedMsPerHit: true,
  costPerCall: true,
});

/**
 * Estimates the savings from hits: with 10,000 queries per hour, a hit ratio of 80 % and 150 ms saved per hit, the
 * cache saves 2,920 hours per year.
 */
export function estimateSavings(input: {
  readonly queriesPerHour: number;
  /** Hit ratio, 0 to 1. */
  readonly hitRatio: number;
  readonly savedMsPerHit: number;
  readonly costPerCall?: number;
}): Savings {
  assertGiven('input', input);
  assertOptions('', input, SAVINGS);
  const { queriesPerHour, hitRatio, savedMsPerHit, costPerCall } = input;
  for (const [name, value] of Object.entries(input))
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw new ConfigurationError(`${name}: must be a number of at least 0, got ${String(value)}`);
  if (hitRatio > 1) throw new ConfigurationError(`hitRatio: must be at most 1, got ${hitRatio}`);
  const hits = queriesPerHour * hitRatio;
  const computeHoursPerYear = (hits * savedMsPerHit * HOURS_PER_YEAR) / MS_PER_HOUR;
  const callsSavedPerDay = hits * 24;
  return {
    callsSavedPerDay,
    computeHoursPerYear,
    ...(costPerCall !== undefined && { costSavedPerYear: hits * HOURS_PER_YEAR * costPerCall }),
    arithmetic:
      `${shown(queriesPerHour)} queries/h x ${shown(hitRatio)} hits x ${shown(savedMsPerHit)} ms x ${HOURS_PER_YEAR} h/year ` +
      `/ ${MS_PER_HOUR} ms/h = ${shown(computeHoursPerYear)} compute hours/year; ` +
      `${shown(queriesPerHour)} x ${shown(hitRatio)} x 24 h = ${shown(callsSavedPerDay)} calls/day`,
  };
}

/** Formats a number with at most two decimals. */
const shown = (value: number): string => String(Math.round(value * 100) / 100);
