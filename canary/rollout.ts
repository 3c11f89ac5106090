/**
 * Looks of the judge: reads the counts of all processes, judges them, and appends the decision to the log. Each method works
 * in any number of processes; one of them appends an entry, the others follow it.
 */
import type { CanaryConfig } from '../config/canary.ts';
import { INITIAL_STATE, nextGeneration, shareOf } from './judge/state.ts';
import type { Decision, JudgeState, LookEvent, Rules } from './judge/types.ts';
import { type Control, controlOf } from './log/control.ts';
import { digestOf, eventAfter, type Head, snapshotAfter } from './log/entry.ts';
import { DecisionLog } from './log/store.ts';
import { collect } from './metrics/collect.ts';
import type { Send } from './metrics/generation.ts';
import type { CanaryKeys } from './metrics/keys.ts';

/** Attempts to append while other processes do the same. */
const ATTEMPTS = 10;
/** A look is due after this share of the interval, so that timers that drift do not skip looks. */
const DUE_SHARE = 0.8;

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

  /** Starts the log where there is none, and returns the share. */
  async begin(): Promise<Control> {
    return controlOf(await this.#current());
  }

  /** The head that judges, and a look at the current counts. */
  async observe(): Promise<{ readonly head: Head; readonly look: LookEvent }> {
    const head = await this.#current();
    return { head, look: await this.collect(head.state) };
  }

  /** Judges and records. Where another process was faster, its decision. */
  async look(): Promise<Decision> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { head, look } = await this.observe();
      const { lastLookAtMs } = head.state;
      if (lastLookAtMs !== null && look.atMs <= lastLookAtMs && head.decision !== null) return head.decision;
      const next = eventAfter(head, look);
      if (!(await this.#log.append(next))) continue;
      if (next.head.decision !== null) return next.head.decision;
    }
    throw new Error(`the canary log: ${ATTEMPTS} entries of other processes came first`);
  }

  /** A look, unless another process had one in this interval. */
  async lookIfDue(): Promise<Decision | undefined> {
    const head = await this.#current();
    const { lastLookAtMs } = head.state;
    const isDue =
      lastLookAtMs === null || this.#now() - lastLookAtMs >= this.#config.judge.lookMs * DUE_SHARE;
    return isDue ? this.look() : undefined;
  }

  async clear(by: string): Promise<Decision> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const next = eventAfter(await this.#current(), { type: 'clear', atMs: this.#now(), by });
      if ((await this.#log.append(next)) && next.head.decision !== null) return next.head.decision;
    }
    throw new Error(`the canary log: ${ATTEMPTS} entries of other processes came first`);
  }

  /** Reads the counts of the state's generation. */
  collect({ generation, window }: JudgeState): Promise<LookEvent> {
    const { maxProcesses } = this.#config.metrics;
    return collect(this.#send, this.#keys, { generation, window }, { maxProcesses, atMs: this.#now() });
  }

  /** The head with the rules of this process; a snapshot starts the log, repeats the state, or changes the rules. */
  async #current(): Promise<Head> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const head = await this.#log.read();
      const isSame = head !== undefined && digestOf(head.rules) === digestOf(this.#rules);
      if (isSame && (head.index + 1) % this.#config.log.snapshotEvery !== 0) return head;
      const state = head === undefined || isSame ? (head?.state ?? INITIAL_STATE) : this.#adapted(head);
      const next = snapshotAfter(head, this.#rules, state);
      if (await this.#log.append(next)) return next.head;
    }
    throw new Error(`the canary log: ${ATTEMPTS} entries of other processes came first`);
  }

  /** The state under changed settings: another share needs a new generation. */
  #adapted(head: Head): JudgeState {
    const { state } = head;
    const stage = Math.min(state.stage, this.#rules.rollout.stages.length - 1);
    const moved = { ...state, stage };
    return shareOf(this.#rules, moved) === shareOf(head.rules, state)
      ? moved
      : nextGeneration(moved, { status: state.status, stage, since: state.since });
  }
}
