/**
 * Runs the judge: reads the counts of all processes, judges them, and appends the decision to the log. Each method may
 * run in any number of processes: one of them appends an entry, and the others adopt it.
 */
import type { CanaryConfig } from '../config/canary.ts';
import { INITIAL_STATE, nextGeneration, shareOf } from './judge/state.ts';
import type { Decision, JudgeState, LookEvent, Rules } from './judge/types.ts';
import { type Control, controlOf } from './log/control.ts';
import { type Appended, digestOf, eventAfter, type Head, snapshotAfter } from './log/entry.ts';
import { DecisionLog } from './log/store.ts';
import { collect } from './metrics/collect.ts';
import type { Send } from './metrics/generation.ts';
import type { CanaryKeys } from './metrics/keys.ts';

/** Maximum number of attempts to append while other processes append as well. */
const ATTEMPTS = 10;
/** Fraction of the interval after which a look is already due, so that timer drift does not cause a skipped look. */
const DUE_SHARE = 0.8;

interface Looked {
  readonly decision: Decision;
  /** Whether this process recorded the decision; otherwise another process was faster. */
  readonly isOwn: boolean;
}

export class Rollout {
  readonly #send: Send;
  readonly #keys: CanaryKeys;
  readonly #config: CanaryConfig;
  readonly #rules: Rules;
  readonly #log: DecisionLog;
  readonly #now: () => number;

  constructor(send: Send, keys: CanaryKeys, config: CanaryConfig, now: () => number) {
    const { flag, rollout, judge, guard, metrics } = config;
    this.#send = send;
    this.#keys = keys;
    this.#config = config;
    this.#rules = { flag, rollout, judge, guard, metrics };
    this.#log = new DecisionLog(send, keys, config.log);
    this.#now = now;
  }

  head(): Promise<Head | undefined> {
    return this.#log.read();
  }

  changes(): Promise<readonly string[]> {
    return this.#log.changes();
  }

  lines(): Promise<readonly string[]> {
    return this.#log.lines();
  }

  /** Starts the log if there is none, and returns the share. */
  async begin(): Promise<Control> {
    return controlOf(await this.#current());
  }

  /** Returns the head with the rules of this process, and a look at the current counts. Records nothing. */
  async observe(): Promise<{ readonly head: Head; readonly look: LookEvent }> {
    const { head } = this.#prepared(await this.#log.read());
    return { head, look: await this.#lookAt(head) };
  }

  /** Runs the judge and records its decision. If another process recorded a decision first, returns that one. */
  async look(): Promise<Decision> {
    return (await this.#look(0)).decision;
  }

  /** Judges unless a look has already been taken in this interval. Returns the decision if this process recorded it. */
  async lookIfDue(): Promise<Decision | undefined> {
    const { decision, isOwn } = await this.#look(this.#config.judge.lookMs * DUE_SHARE);
    return isOwn ? decision : undefined;
  }

  async clear(by: string): Promise<Decision> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const next = eventAfter(await this.#current(), { type: 'clear', atMs: this.#now(), by });
      if ((await this.#log.append(next)) && next.head.decision !== null) return next.head.decision;
    }
    throw new Error(`canary log: other processes appended an entry first in all ${ATTEMPTS} attempts`);
  }

  /** Reads the counts of the generation that the state names. */
  collect({ generation, window }: JudgeState): Promise<LookEvent> {
    const { maxProcesses } = this.#config.metrics;
    return collect(this.#send, this.#keys, { generation, window }, { maxProcesses, atMs: this.#now() });
  }

  /**
   * @param gapMs minimum time, in ms, since the last look, so that processes that judge at the same time share one look
   */
  async #look(gapMs: number): Promise<Looked> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const head = await this.#current();
      const { lastLookAtMs } = head.state;
      // If this clock is far behind the time of the last look, the clock of another process is ahead. The look is then
      // taken anyway.
      const distanceMs = Math.abs(this.#now() - (lastLookAtMs ?? Number.NEGATIVE_INFINITY));
      if (head.decision !== null && (distanceMs === 0 || distanceMs < gapMs))
        return { decision: head.decision, isOwn: false };
      const next = eventAfter(head, await this.#lookAt(head));
      if (!(await this.#log.append(next))) continue;
      if (next.head.decision !== null) return { decision: next.head.decision, isOwn: true };
    }
    throw new Error(`canary log: other processes appended an entry first in all ${ATTEMPTS} attempts`);
  }

  /** Returns a look at the current counts. The time of a look is always later than that of the previous one. */
  async #lookAt({ state }: Head): Promise<LookEvent> {
    const look = await this.collect(state);
    return { ...look, atMs: Math.max(look.atMs, (state.lastLookAtMs ?? 0) + 1) };
  }

  /** Returns the stored head with the rules of this process. */
  async #current(): Promise<Head> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { head, due } = this.#prepared(await this.#log.read());
      if (due === undefined || (await this.#log.append(due))) return head;
    }
    throw new Error(`canary log: other processes appended an entry first in all ${ATTEMPTS} attempts`);
  }

  /**
   * Returns the head, and the snapshot if one is due. A snapshot starts the log, repeats the state, or changes the
   * rules.
   */
  #prepared(stored: Head | undefined): { readonly head: Head; readonly due?: Appended } {
    const isSame = stored !== undefined && digestOf(stored.rules) === digestOf(this.#rules);
    if (isSame && (stored.index + 1) % this.#config.log.snapshotEvery !== 0) return { head: stored };
    const state = stored === undefined || isSame ? (stored?.state ?? INITIAL_STATE) : this.#adapted(stored);
    const due = snapshotAfter(stored, this.#rules, state);
    return { head: due.head, due };
  }

  /** Returns the state under changed settings. A different share requires a new generation. */
  #adapted(head: Head): JudgeState {
    const { state } = head;
    const stage = Math.min(state.stage, this.#rules.rollout.stages.length - 1);
    const moved = { ...state, stage };
    return shareOf(this.#rules, moved) === shareOf(head.rules, state)
      ? moved
      : nextGeneration(moved, { status: state.status, stage, since: state.since });
  }
}
