/** Reads a rollout without changing it, for commands and pages. */
import type { Cache } from '../client/index.ts';
import type { CanaryConfig } from '../config/canary.ts';
import { limitOf } from './judge/criteria.ts';
import { shareOf } from './judge/state.ts';
import { step } from './judge/step.ts';
import type { Decision, Rules } from './judge/types.ts';
import { type EventEntry, eventsOf } from './log/entry.ts';
import { replay } from './log/replay.ts';
import { canaryKeys } from './metrics/keys.ts';
import { namespaceOf } from './namespace.ts';
import type { RollbackLimits } from './report/rollout-view.ts';
import { Rollout } from './rollout.ts';

export interface CanaryView {
  readonly flag: string;
  readonly status: Decision['status'] | 'not started';
  /** Share of users assigned to the canary, from 0 to 1. */
  readonly share: number;
  readonly stages: readonly number[];
  readonly generation: number | null;
  readonly limits: RollbackLimits;
  /** Decision that the current counts would lead to; null before the first look. */
  readonly now: Decision | null;
  /** Last recorded decision and its Unix time in ms. */
  readonly last: { readonly atMs: number; readonly decision: Decision } | null;
  /** Recorded decisions that changed the share, oldest first. */
  readonly changes: readonly { readonly atMs: number; readonly decision: Decision }[];
  readonly log: {
    readonly entries: number;
    readonly decisions: number;
    /** Digest of the newest entry; null for an empty log. */
    readonly digest: string | null;
    /** First difference between recorded and recomputed decisions; null if there is none. */
    readonly problem: string | null;
  };
}

export interface Inspection {
  readonly view: CanaryView;
  /** Texts of the retained log entries, in order. */
  readonly lines: readonly string[];
}

/** Reads a rollout. @throws CacheError if Redis does not reply; Error if the end of the log is damaged */
export async function inspectCanary(
  cache: Cache,
  config: CanaryConfig,
  now: () => number = Date.now,
): Promise<Inspection> {
  const { connection } = cache;
  if (connection === undefined) throw new TypeError('cache: must be a cache that uses Redis');
  const rollout = new Rollout(
    connection.call.bind(connection),
    canaryKeys(namespaceOf(cache), config.flag),
    config,
    now,
  );
  const head = await rollout.head();
  const lines = await rollout.lines();
  const { entries, decisions, problem } = replay(lines);
  const log = { entries, decisions, digest: head?.digest ?? null, problem: problem ?? null };
  const { stages } = config.rollout;
  if (head === undefined) {
    const none = { generation: null, limits: limitsOf(config), now: null, last: null, changes: [] };
    return { view: { flag: config.flag, status: 'not started', share: 0, stages, ...none, log }, lines };
  }
  const look = await rollout.collect(head.state);
  const isNewer = look.atMs > (head.state.lastLookAtMs ?? 0);
  const last = eventsOf(lines).at(-1);
  return {
    view: {
      flag: config.flag,
      status: head.state.status,
      share: shareOf(head.rules, head.state),
      stages: head.rules.rollout.stages,
      generation: head.state.generation,
      limits: limitsOf(head.rules),
      now: isNewer ? step(head.rules, head.state, look).decision : head.decision,
      last: last === undefined ? null : decisionOf(last),
      changes: eventsOf(await rollout.changes()).map(decisionOf),
      log,
    },
    lines,
  };
}

/** Returns the rollback thresholds that follow from the settings: a stage is rolled back at or above these e-values. */
export function limitsOf({ judge }: Pick<Rules, 'judge'>): RollbackLimits {
  return { users: limitOf(judge.errorAlpha), slow: limitOf(judge.latencyAlpha) };
}

function decisionOf({ event, decision }: EventEntry): { atMs: number; decision: Decision } {
  return { atMs: event.atMs, decision };
}
