/** Bounds that options and the code that uses them share. */

export const LIMITS = {
  /** The longest that one connect or command may take, in ms. */
  timeoutMs: 5000,
  /** The longest that the breaker may stay open, in ms. */
  openMs: 60_000,
  /** The longest TTL, in seconds: ten years. */
  ttlSeconds: 315_360_000,
  /** The most failures in a row that a breaker may wait for. */
  threshold: 1000,
  /** The highest number of a database. */
  db: 1_000_000,
} as const;

export const PORT_MAX = 65_535;
