/**
 * The only clock of a run: microseconds since its origin on CLOCK_MONOTONIC, which `process.hrtime` reads and which is
 * the same for every thread and process of the machine. Another thread that receives `originNs` can use the same
 * timeline.
 */
export interface Clock {
  readonly originNs: bigint;
  /** Returns the time in microseconds since the origin. */
  nowUs(): number;
}

/** Opens a clock with the given origin; the default origin is the current time. */
export function openClock(originNs: bigint = process.hrtime.bigint()): Clock {
  return { originNs, nowUs: () => Number((process.hrtime.bigint() - originNs) / 1000n) };
}
