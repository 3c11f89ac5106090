/**
 * E-process of a split: evidence that more events occur in the canary than its share predicts. Pure.
 *
 * If there is no difference, each event occurs in the canary with probability s, its share. With k of n events in the
 * canary, a bet on a rate that is t times as high multiplies its wealth by t^k / (1 + s (t - 1))^n, whose expectation
 * is 1. The mean over the ratios, and the mixture of copies that start every few minutes (weights 1/((i+1)(i+2)), sum
 * 1), also have expectation 1. Ville's inequality: P(wealth ever reaches 1/alpha) <= alpha, at any number of looks.
 * Sources: Lindon and Malek 2022 (count splits), Shin, Ramdas and Rinaldo 2022 (e-detectors: restarts).
 */

/** Alternatives: the event rate per request in the canary relative to the rate in the control. */
const RATIOS = [1.2, 1.5, 2, 3, 5, 10, 30] as const;

/**
 * Maximum number of copies, which bounds memory use in a stage that lasts for days. Dropping the oldest copies can only
 * weaken the evidence.
 */
const MAX_COPIES = 48;

export interface Copy {
  /** Number of copies that started earlier. The weight of this copy is 1/((index+1)(index+2)). */
  readonly index: number;
  /** Logarithm of the wealth per ratio. */
  readonly logs: readonly number[];
}

export interface EProcess {
  readonly copies: readonly Copy[];
  readonly next: number;
  /** Start of the newest copy, as Unix time in ms; null before the first. */
  readonly startedAtMs: number | null;
}

export const NEW_PROCESS: EProcess = { copies: [], next: 0, startedAtMs: null };

export interface Split {
  /** Number of events in the canary. */
  readonly canary: number;
  /** Number of events in both arms. */
  readonly total: number;
  /** Probability that an event occurs in the canary if the arms do not differ. */
  readonly share: number;
}

/** Drops all copies, because the next copy counts events in a new window. */
export function restarted(process: EProcess): EProcess {
  return { copies: [], next: process.next, startedAtMs: null };
}

/**
 * Updates the process with the events since the last look. If the newest copy is at least `restartMs` old, a new copy
 * starts and includes these events.
 *
 * @param atMs time of the look
 */
export function advance(process: EProcess, split: Split, atMs: number, restartMs: number): EProcess {
  const { copies, next, startedAtMs } = process;
  const isDue = startedAtMs === null || atMs - startedAtMs >= restartMs;
  const all = isDue ? [...copies, { index: next, logs: RATIOS.map(() => 0) }].slice(-MAX_COPIES) : copies;
  const gains = RATIOS.map((ratio) => gainOf(split, ratio));
  return {
    copies: all.map(({ index, logs }) => ({ index, logs: logs.map((log, i) => log + (gains[i] ?? 0)) })),
    next: isDue ? next + 1 : next,
    startedAtMs: isDue ? atMs : startedAtMs,
  };
}

function gainOf({ canary, total, share }: Split, ratio: number): number {
  if (total === 0 || share <= 0 || share >= 1) return 0;
  return canary * Math.log(ratio) - total * Math.log1p(share * (ratio - 1));
}

/** Returns the natural logarithm of the e-value, which is the weighted mean over all copies and ratios. */
export function logEvidence({ copies }: EProcess): number {
  const terms = copies.flatMap(({ index, logs }) => {
    const weight = -Math.log((index + 1) * (index + 2) * RATIOS.length);
    return logs.map((log) => log + weight);
  });
  const most = terms.reduce((max, term) => Math.max(max, term), Number.NEGATIVE_INFINITY);
  if (most === Number.NEGATIVE_INFINITY) return 0;
  return most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
}
