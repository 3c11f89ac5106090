/**
 * Names of the keys of a canary. All keys contain the flag as a hash tag, so they are all in one slot of a cluster.
 *
 *   {namespace}:~canary:{flag}:control            share, generation and window, for every process
 *   …:state, …:log, …:changes                     state of the judge, all decisions, decisions that changed the share
 *   …:g<generation>:members                       processes that reported
 *   …:g<generation>:p:<process>                   counts of one process
 *   …:g<generation>:w<window>:seen:<arm>          distinct users; `affected`: those with an error
 */
import type { Arm } from '../assignment/assignment.ts';

export interface CanaryKeys {
  readonly control: string;
  readonly state: string;
  readonly log: string;
  readonly changes: string;
  members(generation: number): string;
  counts(generation: number, processId: string): string;
  users(generation: number, window: number, kind: UserKind, arm: Arm): string;
}

export type UserKind = 'seen' | 'affected';

export function canaryKeys(namespace: string, flag: string): CanaryKeys {
  const base = `${namespace}:~canary:{${flag}}`;
  return {
    control: `${base}:control`,
    state: `${base}:state`,
    log: `${base}:log`,
    changes: `${base}:changes`,
    members: (generation) => `${base}:g${generation}:members`,
    counts: (generation, processId) => `${base}:g${generation}:p:${processId}`,
    users: (generation, window, kind, arm) => `${base}:g${generation}:w${window}:${kind}:${arm}`,
  };
}
