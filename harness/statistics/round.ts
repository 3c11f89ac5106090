/** Significant digits of every figure in a report: finer than any clock here, coarser than the last bits of a sum. */
const DIGITS = 6;

/** Rounds a number for a report: integers are unchanged, others are rounded to six significant digits. */
export function roundFigure(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}

/** Returns the same value with every number in it rounded. */
export function roundNumbers<T>(value: T): T {
  if (typeof value === 'number') return roundFigure(value) as T;
  if (Array.isArray(value)) return value.map(roundNumbers) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, roundNumbers(inner)])) as T;
  }
  return value;
}
