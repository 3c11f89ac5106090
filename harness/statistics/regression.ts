/** Least squares: a straight line through points, and the confidence of its slope. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface StraightLine {
  readonly slope: number;
  /** Coefficient of determination, from 0 to 1; 1 if all y are equal. */
  readonly determination: number;
  /** Standard error of the slope; 0 for two points. */
  readonly slopeError: number;
}

/** Fits a straight line; returns undefined for fewer than two distinct x. */
export function straightLine(points: readonly Point[]): StraightLine | undefined {
  const n = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const { x, y } of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  if (!(xx > 0)) return undefined;
  const slope = xy / xx;
  const rest = Math.max(0, yy - slope * xy);
  return {
    slope,
    determination: yy === 0 ? 1 : 1 - rest / yy,
    slopeError: n > 2 ? Math.sqrt(rest / (n - 2) / xx) : 0,
  };
}

/**
 * Returns the bounds of the slope, each with a confidence of 97.5 % (Student's t). Growth is not noise if the lower
 * bound is above 0, and growth above the upper bound is ruled out. Undefined for fewer than 4 points.
 */
export function slopeBounds(points: readonly Point[]): readonly [lower: number, upper: number] | undefined {
  const line = points.length < 4 ? undefined : straightLine(points);
  if (line === undefined) return undefined;
  const distance = studentT(points.length - 2) * line.slopeError;
  return [line.slope - distance, line.slope + distance];
}

/**
 * Returns the 0.975 quantile of Student's t (Cornish-Fisher expansion around the normal quantile; error below 0.5 % for
 * 4 or more degrees of freedom).
 */
function studentT(degrees: number): number {
  const z = 1.959_964;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + g1 / degrees + g2 / degrees ** 2 + g3 / degrees ** 3;
}
