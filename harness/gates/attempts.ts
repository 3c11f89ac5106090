/**
 * Selects the trials of a drill that count for a gate, and those left out because the machine was too busy for a valid
 * measurement (unsound). Pure.
 *
 *   round 1 ─▶ a trial is sound: it counts ─▶ as many as round 1 planned: judged
 *                        unsound: left out ─▶ round 2 repeats as many of the drill ─▶ …
 *
 * The selection depends only on the soundness of the machine. Every sound trial counts, including any beyond the
 * planned number, and a trial that is left out because of the machine is left out regardless of its result. Figures
 * that a slow machine cannot change (`CheckResult.untimed`) still count.
 */
import type { Gate, MachineBounds } from '../../config/gates.ts';
import { numberOf, type Reading } from './aggregate.ts';
import { type Flaw, flawOf, type JudgedTrial, nameOf, readTrial } from './read.ts';
import { isAsked, outOfScope, type RunScope } from './scope.ts';
import { findUnsoundness, incompleteUnsoundness, type Unsoundness } from './soundness.ts';
import { compareToTarget } from './target.ts';

export interface LeftOut {
  readonly trial: JudgedTrial;
  readonly unsound: Unsoundness;
}

export interface Attempts {
  readonly counted: readonly JudgedTrial[];
  readonly leftOut: readonly LeftOut[];
  /** Number of trials in the first round. */
  readonly planned: number;
  /**
   * Number of rounds needed to reach the planned number of sound trials; if it was never reached, the total number of
   * rounds.
   */
  readonly rounds: number;
}

/** Selects the trials that count. @param trials all trials of one drill */
export function attemptsOf(gate: Gate, machine: MachineBounds, trials: readonly JudgedTrial[]): Attempts {
  const counted: JudgedTrial[] = [];
  const leftOut: LeftOut[] = [];
  for (const trial of trials) {
    const unsound = whyLeftOut(gate, machine, trial);
    if (unsound === undefined) counted.push(trial);
    else leftOut.push({ trial, unsound });
  }
  const planned = trials.filter((trial) => roundOf(trial) === 1).length;
  const last = Math.max(1, ...trials.map(roundOf));
  let rounds = 1;
  while (rounds < last && counted.filter((trial) => roundOf(trial) <= rounds).length < planned) rounds++;
  return { counted, leftOut, planned, rounds };
}

function roundOf({ round = 1 }: JudgedTrial): number {
  return round;
}

function whyLeftOut(gate: Gate, machine: MachineBounds, trial: JudgedTrial): Unsoundness | undefined {
  // Incomplete evidence does not prove anything about the machine either.
  if (trial.broken.length > 0 || trial.missing.length > 0 || trial.distrusted !== undefined) return undefined;
  return isComplete(trial) ? findUnsoundness(gate, machine, trial) : incompleteUnsoundness(machine, trial);
}

/** Whether the gate leaves the trial out because the machine was too busy for a valid measurement. */
export function isLeftOut(gate: Gate, machine: MachineBounds, trial: JudgedTrial): boolean {
  return whyLeftOut(gate, machine, trial) !== undefined;
}

function isComplete({ status, gaps = [] }: JudgedTrial): boolean {
  return status === 'completed' && gaps.length === 0;
}

/**
 * Returns the readings and flaws of the trials that were left out. If the planned number of other trials count, returns
 * only those readings in which the part of the figure that a slow machine cannot change misses the target.
 */
export function readLeftOut(
  gate: Gate,
  run: RunScope,
  { leftOut, counted, planned }: Attempts,
): readonly (Reading | Flaw)[] {
  const isReplaced = counted.length >= planned;
  return leftOut.flatMap(({ trial, unsound }) => {
    const violated = untimedViolation(gate, run, trial);
    if (violated !== undefined) return [violated];
    if (isReplaced) return [];
    if (!isComplete(trial)) return [readTrial(gate, run, trial)].filter(({ kind }) => kind === 'flaw');
    return [flawOf(`${nameOf(trial)}: ${unsound.reason}`, trial.files, unsound.remedy, 'INVALID')];
  });
}

/**
 * Returns the reading if the part of the figure that a slow machine cannot change misses the target; otherwise
 * undefined.
 */
function untimedViolation(gate: Gate, run: RunScope, trial: JudgedTrial): Reading | undefined {
  const reading = readTrial(gate, run, trial);
  if (reading.kind !== 'figure' || reading.untimed === undefined) return undefined;
  const measured = numberOf(reading.untimed, gate.sli.stat);
  return compareToTarget(measured, gate.target) ? undefined : { ...reading, figure: reading.untimed };
}

export interface RepeatContext {
  readonly run: RunScope;
  readonly gates: readonly Gate[];
  readonly machine: MachineBounds;
  readonly trials: readonly JudgedTrial[];
}

/**
 * Returns the number of trials per drill to repeat in the next round: as many as are needed to give every gate in scope
 * the planned number of sound trials.
 */
export function trialsDue({ run, gates, machine, trials }: RepeatContext): ReadonlyMap<string, number> {
  const due = new Map<string, number>();
  const byDrill = Map.groupBy(trials, ({ drill }) => drill);
  for (const gate of gates) {
    if (outOfScope(gate, run) !== undefined) continue;
    for (const drill of gate.workload) {
      const own = byDrill.get(drill);
      if (own === undefined || !isAsked(drill, run)) continue;
      const { leftOut, counted, planned } = attemptsOf(gate, machine, own);
      const missing = Math.min(leftOut.length, planned - counted.length);
      if (missing > 0) due.set(drill, Math.max(missing, due.get(drill) ?? 0));
    }
  }
  return due;
}

/** Describes the repetitions that were not needed, because enough of the earlier trials were sound. */
export function needlessRepeats(context: RepeatContext): readonly string[] {
  const last = Math.max(1, ...context.trials.map(roundOf));
  return Array.from({ length: last - 1 }, (_, i) => i + 2).flatMap((round) => {
    const before = context.trials.filter((trial) => roundOf(trial) < round);
    const due = trialsDue({ ...context, trials: before });
    const own = Map.groupBy(
      context.trials.filter((trial) => roundOf(trial) === round),
      ({ drill }) => drill,
    );
    return [...own].flatMap(([drill, repeated]) => {
      const most = due.get(drill) ?? 0;
      if (repeated.length <= most) return [];
      return `${drill} has ${repeated.length} trials in round ${round}, but the machine justifies only ${most}`;
    });
  });
}
