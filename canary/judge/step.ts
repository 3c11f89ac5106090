/**
 * The judge: applies one event to a state and returns a decision. Pure, so a decision can be recomputed from the log
 * byte for byte.
 *
 *   running ──proof──▶ next stage
 *   running ──proven harm──▶ rolled-back ──an operator clears──▶ running, first stage
 *   running ──guard──▶ paused ──clear looks──▶ running, same stage
 *
 * At a share of 100 % there is no control arm, so only the guard judges. A rollback takes precedence over a pause, so a
 * harmful canary that also overloads Redis is rolled back. A rollback stays in effect until an operator clears it.
 */
import { harmsOf, holdsOf, unprovenOf } from './criteria.ts';
import { type Bounds, boundsOf, evidenceOf, figuresOf, sampleRatioOf } from './figures.ts';
import { breachesOf } from './guard.ts';
import { observe } from './observe.ts';
import { nextGeneration, nextWindow, shareOf } from './state.ts';
import type { CanaryEvent, Decision, JudgeState, LookEvent, Rules, Verdict } from './types.ts';

export interface Step {
  readonly state: JudgeState;
  readonly decision: Decision;
}

export interface StepOptions {
  /**
   * Whether the decision includes figures; default true. Computing their bounds takes a millisecond. The figures do
   * not affect the verdict.
   */
  readonly figures?: boolean;
}

/**
 * Applies one event to a state.
 *
 * @throws RangeError if the look belongs to another generation or window, or is not later than the last look; the
 * caller then reads the state again
 */
export function step(rules: Rules, state: JudgeState, event: CanaryEvent, options: StepOptions = {}): Step {
  if (event.type === 'look') return judgeLook(rules, state, event, options);
  const verdict: Verdict = 'clear';
  const nothing = state.status === 'rolled-back' ? '' : ': not rolled back, nothing changes';
  const reasons = [`cleared by ${event.by}${nothing}`];
  const since = { verdict, atMs: event.atMs, reasons };
  const after =
    state.status === 'rolled-back' ? nextGeneration(state, { status: 'running', stage: 0, since }) : state;
  return {
    state: after,
    decision: { verdict, share: shareOf(rules, after), status: after.status, reasons, figures: null },
  };
}

/** Decision made at a look, before it is applied to the state. */
interface Ruling {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
}

function judgeLook(rules: Rules, before: JudgeState, look: LookEvent, { figures = true }: StepOptions): Step {
  assertCurrent(before, look);
  const seen = observe(rules, before, look);
  const breaches = breachesOf(rules, before, seen);
  const observed: JudgeState = {
    ...seen,
    sampleRatioAlarm: seen.sampleRatioAlarm || sampleRatioOf(rules, seen) < rules.judge.sampleRatioP,
    breachLooks: breaches.length === 0 ? 0 : seen.breachLooks + 1,
    clearLooks: breaches.length === 0 ? seen.clearLooks + 1 : 0,
  };
  const bounds = lazily(() => boundsOf(rules, observed));
  const ruling = rule(rules, observed, look, { breaches, bounds });
  const after = changed(rules, observed, ruling);
  return {
    state: after,
    decision: {
      ...ruling,
      share: shareOf(rules, after),
      status: after.status,
      figures: figures ? figuresOf(rules, before, observed, bounds()) : null,
    },
  };
}

function assertCurrent(state: JudgeState, look: LookEvent): void {
  if (look.generation !== state.generation || look.window !== state.window) {
    throw new RangeError(
      `look: must have generation ${state.generation}, window ${state.window}; got ${look.generation}, ${look.window}`,
    );
  }
  if (state.lastLookAtMs !== null && look.atMs <= state.lastLookAtMs)
    throw new RangeError(`look at ${look.atMs} ms: must be later than the last one at ${state.lastLookAtMs}`);
}

interface Facts {
  readonly breaches: readonly string[];
  readonly bounds: () => Bounds;
}

function lazily<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    known ??= { value: compute() };
    return known.value;
  };
}

function rule(rules: Rules, state: JudgeState, look: LookEvent, { breaches, bounds }: Facts): Ruling {
  const hold = (...reasons: readonly string[]): Ruling => ({ verdict: 'hold', reasons });
  if (state.status === 'rolled-back') {
    return hold(`rolled back: ${state.since?.reasons.join('; ') ?? ''}; latched until an operator clears it`);
  }
  if (state.status === 'paused') return rulePause(rules, state, breaches);
  const evidence = evidenceOf(state);
  const isCompared = shareOf(rules, state) < 1;
  const harms = isCompared ? harmsOf(rules, evidence) : [];
  if (harms.length > 0) return { verdict: 'rollback', reasons: harms };
  if (state.breachLooks >= rules.guard.breachLooks) return { verdict: 'pause', reasons: breaches };
  if (!isCompared) return hold('all users are in the canary; only the guard judges');
  if (state.stage === rules.rollout.stages.length - 1) return hold('last stage');
  const incomplete =
    look.processes > rules.metrics.maxProcesses
      ? [`${look.processes} processes, at most ${rules.metrics.maxProcesses} counted`]
      : [];
  const holds = [...incomplete, ...holdsOf(rules, state, evidence), ...breaches];
  if (holds.length > 0) return hold(...holds);
  const unproven = unprovenOf(rules, bounds());
  if (unproven.length > 0) return hold(...unproven);
  return {
    verdict: 'promote',
    reasons: [
      `error delta of at most ${(bounds().errorDeltaUpper * 100).toFixed(2)} percentage points at confidence ${rules.judge.confidence}`,
    ],
  };
}

function rulePause({ guard }: Rules, state: JudgeState, breaches: readonly string[]): Ruling {
  if (breaches.length > 0) return { verdict: 'hold', reasons: ['paused', ...breaches] };
  if (state.clearLooks < guard.resumeLooks) {
    return {
      verdict: 'hold',
      reasons: [`paused: ${state.clearLooks} of ${guard.resumeLooks} looks without a breach`],
    };
  }
  return { verdict: 'resume', reasons: [`${state.clearLooks} looks without a breach`] };
}

function changed(rules: Rules, state: JudgeState, { verdict, reasons }: Ruling): JudgeState {
  const since = { verdict, atMs: state.lastLookAtMs ?? 0, reasons };
  switch (verdict) {
    case 'rollback':
      return nextGeneration(state, { status: 'rolled-back', stage: 0, since });
    case 'pause':
      return nextGeneration(state, { status: 'paused', stage: state.stage, since });
    case 'resume':
      return nextGeneration(state, { status: 'running', stage: state.stage, since });
    case 'promote':
      return nextGeneration(state, { status: 'running', stage: state.stage + 1, since });
    default:
      return isWindowOver(rules, state) ? nextWindow(state) : state;
  }
}

function isWindowOver({ metrics }: Rules, { users, windowStartedAtMs, lastLookAtMs }: JudgeState): boolean {
  const isFull = users.canary.affected + users.control.affected >= metrics.maxUsers;
  const ms = (lastLookAtMs ?? 0) - (windowStartedAtMs ?? 0);
  return isFull || ms >= metrics.windowMinutes * 60_000;
}
