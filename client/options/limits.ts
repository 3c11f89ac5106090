/** Limits shared by options and other modules. */

export const LIMITS = {
  /** Maximum timeout for connecting or for a command, in ms. */
  timeoutMs: 5000,
  /** Maximum time that the breaker stays open, in ms. */
  openMs: 60_000,
  /** Maximum TTL, in seconds: ten years. */
  ttlSeconds: 315_360_000,
  /** Maximum number of consecutive failures that can be set as the threshold for opening a breaker. */
  threshold: 1000,
  /** Maximum database number. */
  db: 1_000_000,
} as const;

export const PORT_MAX = 65_535;
