/**
 * Reads one trial for one gate: returns a reading, or a flaw, which is the reason why the trial yields no figure for
 * the gate. Pure.
 */
import type { Gate } from '../../config/gates.ts';
import type { CheckResult } from '../checkers/checker.ts';
import { joinFew } from '../evidence/excerpt.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import type { Reading } from './aggregate.ts';
import type { EvidenceRef } from './gate.ts';
import { completeFirst, runAgain, SOUND_COPY } from './remedies.ts';
import type { RunScope } from './scope.ts';

/** A trial with the results that its evidence allows. */
export interface JudgedTrial {
  readonly drill: string;
  readonly trial: number;
  readonly status: TrialRecord['status'];
  readonly reason?: string;
  readonly files: readonly EvidenceRef[];
  /** Missing files; if there are any, the trial is not judged. */
  readonly missing: readonly string[];
  /** Files that were altered or cannot be parsed. */
  readonly broken: readonly string[];
  /** Reason why the trial is not judged although its files match the seal: "is listed twice in the manifest". */
  readonly distrusted?: string;
  /**
   * Descriptions of the drill's obligations that the history does not show; no criterion passes if one of its trials
   * has gaps.
   */
  readonly gaps?: readonly string[];
  /**
   * Round in which the trial was measured; absent for the first. Later rounds repeat trials in which the machine was
   * too busy for a valid measurement.
   */
  readonly round?: number;
  /** Whether the workload is scripted, and so has no generator. */
  readonly scripted?: boolean;
  /** Results of the checkers; for a trial that did not complete, only those of `machine` and `generator`. */
  readonly results: readonly CheckResult[];
}

/** A trial that yields no figure for a gate, and the resulting state of the criterion. */
export type Flaw = {
  readonly kind: 'flaw';
  readonly state: 'FAIL' | 'INVALID' | 'NOT_MEASURED';
  readonly reason: string;
  readonly remedy: string;
  readonly evidence: readonly EvidenceRef[];
};

export function flawOf(
  reason: string,
  evidence: readonly EvidenceRef[],
  remedy: string,
  state: Flaw['state'] = 'NOT_MEASURED',
): Flaw {
  return { kind: 'flaw', state, reason, remedy, evidence };
}

/** Returns the name of a trial for messages: `master-crash #3`. */
export function nameOf({ drill, trial }: JudgedTrial): string {
  return trial === 0 ? drill : `${drill} #${trial}`;
}

export function readTrial(gate: Gate, run: RunScope, trial: JudgedTrial): Reading | Flaw {
  // The files of a trial form one history: they are judged together or not at all.
  const evidence = trial.files;
  const name = nameOf(trial);
  if (trial.broken.length > 0) {
    const reason = `${name}: ${joinFew(trial.broken)} was altered or is broken`;
    return flawOf(reason, evidence, SOUND_COPY, 'INVALID');
  }
  if (trial.distrusted !== undefined) {
    return flawOf(`${name} ${trial.distrusted}`, evidence, SOUND_COPY, 'INVALID');
  }
  if (trial.missing.length > 0) {
    return flawOf(`${name}: ${joinFew(trial.missing)} is missing`, evidence, SOUND_COPY);
  }
  if (trial.status !== 'completed') {
    const reason = `${name} was not measured: ${trial.reason ?? trial.status}`;
    return flawOf(reason, evidence, completeFirst(trial.drill, trial.reason, run));
  }
  const again = runAgain(trial.drill, run);
  const result = trial.results.find(
    ({ checker, client }) => checker === gate.sli.checker && client === gate.client,
  );
  if (result === undefined) {
    return flawOf(`${name} has no result of ${gate.sli.checker} for ${gate.client}`, evidence, again);
  }
  return readResult(gate, trial, { name, again }, result, evidence);
}

/** Returns the flaws of a trial whose faults were not injected or whose operations did not run. */
export function gapsOf(run: RunScope, trial: JudgedTrial): readonly Flaw[] {
  const name = nameOf(trial);
  return (trial.gaps ?? []).map((gap) => flawOf(`${name}: ${gap}`, trial.files, runAgain(trial.drill, run)));
}

/** Returns the flaw of a drill without any measured trial, regardless of the gate's other drills. */
export function emptyOf(
  gate: Gate,
  run: RunScope,
  drill: string,
  readings: readonly (Reading | Flaw)[],
): readonly Flaw[] {
  const figures = readings.filter((reading) => reading.kind === 'figure');
  if (figures.length === 0 || figures.some(({ figure }) => figure.n > 0)) return [];
  const reason = `${drill}: n = 0 ${gate.unit}, so ${gate.sli.figure} was not measured`;
  return [
    flawOf(
      reason,
      figures.flatMap(({ evidence }) => evidence),
      `${runAgain(drill, run)} ${gate.remedy}`,
    ),
  ];
}

function readResult(
  gate: Gate,
  trial: JudgedTrial,
  { name, again }: { readonly name: string; readonly again: string },
  result: CheckResult,
  evidence: readonly EvidenceRef[],
): Reading | Flaw {
  const figure = result.figures[gate.sli.figure];
  const said = ownReasons(gate, result);
  const reasons = said.length > 0 ? said.join('; ') : `no figure '${gate.sli.figure}'`;
  const unmeasured = result.unmeasured?.[gate.sli.figure];
  if (unmeasured !== undefined) return flawOf(`${name}: ${unmeasured}`, evidence, result.remedy ?? again);
  if (figure === undefined) {
    const state = result.validity === 'invalid' ? 'FAIL' : 'NOT_MEASURED';
    return flawOf(`${name}: ${reasons}`, evidence, result.remedy ?? again, state);
  }
  // Keys that may have been evicted are neither lost nor kept, so the count is not a measurement.
  if (result.validity === 'unknown') {
    return flawOf(`${name}: ${reasons}`, evidence, result.remedy ?? again, 'INVALID');
  }
  const untimed = result.untimed?.[gate.sli.figure];
  return {
    kind: 'figure',
    drill: trial.drill,
    name,
    figure,
    ...(untimed !== undefined && { untimed }),
    reasons: result.reasons,
    remedies: result.remedies ?? [],
    evidence,
  };
}

/** Returns the checker's reasons, except those that concern only another figure. */
function ownReasons(gate: Gate, { reasons, figures }: CheckResult): readonly string[] {
  const others = Object.keys(figures).filter((figure) => figure !== gate.sli.figure);
  return reasons.filter((reason) => !others.some((figure) => reason.startsWith(`${figure}: `)));
}
