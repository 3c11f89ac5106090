/**
 * Schema of an environment file in `config/environments/`, and the frozen values that result from it: the settings
 * (`settings.ts`), checked against each other (`contradictions.ts`).
 *
 * Defaults are resolved only here; no later module applies its own default. Left out: reading files and variables
 * (`load.ts`, `env.ts`), and all derived values that depend on the machine (io-threads limited by its cores,
 * addresses), which are part of the topology.
 */
import type { z } from 'zod';
import { findContradictions } from './contradictions.ts';
import { settingsSchema } from './settings.ts';

export type { Durability } from './settings.ts';

export const environmentSchema = settingsSchema.superRefine((env, context) => {
  for (const problem of findContradictions(env)) {
    context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message });
  }
});

/** Configuration of one environment, validated; frozen by `load.ts`. */
export type EnvironmentConfig = z.infer<typeof environmentSchema>;

/** Names that `scope.promises` in config/gates.yaml may use. */
export const PROMISES = ['persistence', 'failover', 'eviction', 'encryption', 'durability'] as const;
export type PromiseName = (typeof PROMISES)[number];

/**
 * Returns the promises that an environment makes. `durability` is not stated separately: it is promised if
 * `durability.durableWrites` names replicas.
 */
export function promisesOf({ promises, durability }: EnvironmentConfig): ReadonlySet<PromiseName> {
  const stated = { ...promises, durability: typeof durability.durableWrites === 'object' };
  return new Set(PROMISES.filter((name) => stated[name]));
}

/** Client default (client/options/connection-options.ts). */
const HANG_SUSPECTED_MS = 150;

/**
 * Returns the client settings. With `sentinel.fast`, the default of `hangSuspectedMs` is at most half of
 * `sentinel.downAfterMs`.
 */
export function clientSettingsOf({ client, sentinel }: EnvironmentConfig): EnvironmentConfig['client'] {
  if (!sentinel.fast || client.hangSuspectedMs !== undefined) return client;
  return { ...client, hangSuspectedMs: Math.min(HANG_SUSPECTED_MS, Math.floor(sentinel.downAfterMs / 2)) };
}
