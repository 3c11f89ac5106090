/**
 * Mixes from YCSB (Cooper, SoCC 2010) and from requirements document 003. D and E are left out: a cache has neither
 * scans nor a latest item.
 */
import type { Mix } from './protocol.ts';

export const MIXES = {
  A: { get: 0.5, set: 0.5 },
  B: { get: 0.95, set: 0.05 },
  C: { get: 1 },
  F: { get: 0.5, readModifyWrite: 0.5 },
  batches: { getMany: 0.5, setMany: 0.5 },
} as const satisfies Readonly<Record<string, Mix>>;
