/** Consequences of the loss of a host, for the checks of the placement. Types and node ids only. */
import type { z } from 'zod';
import type { settingsSchema } from './settings.ts';

/** Settings that the placement of the nodes depends on. */
export type Placed = Pick<
  z.infer<typeof settingsSchema>,
  'topology' | 'redis' | 'cluster' | 'docker' | 'hosts' | 'placement'
>;

export type Role = 'redis' | 'sentinel';

export interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Reason why an environment stops if a host is lost. */
export interface Loss {
  /** A higher number is reported first: 3 lost data, 2 no failover, 1 no writes. */
  readonly severity: 1 | 2 | 3;
  readonly what: string;
  readonly remedy: string;
}

/** Returns the ids of the nodes with a role, in the order of their numbers. */
export const idsOf = (role: Role, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${role}-${i + 1}`);
