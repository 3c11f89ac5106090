/**
 * Compares two run folders: which criteria became better or worse beyond noise.
 *
 *   both folders ─▶ evidence unchanged? ─▶ fingerprints ─▶ judged again ─▶ criterion by criterion
 *
 * Both histories are judged again, so that nothing depends on a stored report. Runs whose fingerprints differ are not
 * compared, unless the caller forces it; the differences are then part of the result.
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import type { Gate, Gates } from '../../../config/gates.ts';
import { type Evidence, openEvidence } from '../../evidence/open.ts';
import { DRILLS } from '../../evidence/run-folder.ts';
import type { LoadedExtension } from '../../extension/extension.ts';
import type { Reading } from '../../gates/aggregate.ts';
import { attemptsOf } from '../../gates/attempts.ts';
import type { JudgedTrial } from '../../gates/read.ts';
import { readTrial } from '../../gates/read.ts';
import type { RunScope } from '../../gates/scope.ts';
import type { MachineView, Report } from '../../reports/report.ts';
import { roundNumbers } from '../../statistics/round.ts';
import { judgeInDetail } from '../index.ts';
import { type ComparedCriterion, compareCriterion, largestDelayMs, type Side } from './criteria.ts';
import { type Difference, fingerprintDifferences } from './fingerprint.ts';

export type { ComparedCriterion };

export interface RunComparison {
  readonly schema: 'redis-cache-kit/comparison/1';
  readonly baseline: string;
  readonly run: string;
  /** Facts that differ; empty unless the comparison was forced. */
  readonly differences: readonly Difference[];
  readonly confidence: 0.99;
  readonly counts: Readonly<Record<ComparedCriterion['change'], number>>;
  /** Criteria of both runs; worse first. */
  readonly criteria: readonly ComparedCriterion[];
  /** Criteria that are judged in only one run, or whose figure differs between the runs, with the reason. */
  readonly left: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * @param options.force compare even if the fingerprints differ
 * @throws KitError EVIDENCE_UNREADABLE or RUN_NOT_COMPARABLE, exit 3
 */
export function compareRuns(
  baselineDir: string,
  runDir: string,
  {
    force = false,
    extensions = [],
  }: { readonly force?: boolean; readonly extensions?: readonly LoadedExtension[] } = {},
): RunComparison {
  const [baseline, run] = [openUnchanged(baselineDir), openUnchanged(runDir)];
  const differences = fingerprintDifferences(fingerprintOf(baseline), fingerprintOf(run));
  if (differences.length > 0 && !force) throw notComparable(runDir, differences);
  const [before, after] = [sidesOf(baseline, extensions), sidesOf(run, extensions)];
  const left: { id: string; reason: string }[] = [];
  const criteria = [...after].flatMap(([id, side]) => {
    const other = before.get(id);
    const reason =
      other === undefined ? 'it is not judged in the baseline' : whyNotAlike(other.gate, side.gate);
    if (other !== undefined && reason === undefined) return [compareCriterion(other, side)];
    left.push({ id, reason: reason ?? '' });
    return [];
  });
  for (const id of before.keys())
    if (!after.has(id)) left.push({ id, reason: 'it is judged only in the baseline' });
  if (!criteria.some(isMeasuredInBoth)) throw nothingToCompare(runDir);
  const ofChange = (change: ComparedCriterion['change']) => criteria.filter((each) => each.change === change);
  return roundNumbers({
    schema: 'redis-cache-kit/comparison/1',
    baseline: baseline.manifest.runId,
    run: run.manifest.runId,
    differences,
    confidence: 0.99,
    counts: {
      worse: ofChange('worse').length,
      better: ofChange('better').length,
      'within-noise': ofChange('within-noise').length,
      undecided: ofChange('undecided').length,
    },
    criteria: (['worse', 'better', 'undecided', 'within-noise'] as const).flatMap(ofChange),
    left,
  });
}

/**
 * Checks, before a run starts, that a folder can be used as a baseline.
 * @throws the same KitErrors as `compareRuns`
 */
export function requireBaseline(dir: string): void {
  openUnchanged(dir);
}

function fingerprintOf(evidence: Evidence) {
  return { manifest: evidence.manifest, drills: evidence.read(DRILLS) };
}

function openUnchanged(dir: string): Evidence {
  const evidence = openEvidence(dir);
  const { manifest, seal, integrity } = evidence;
  const flaws = [...integrity.missing, ...integrity.altered, ...integrity.unsealed];
  const problem =
    manifest.incomplete ??
    (seal === undefined
      ? 'the run has no seal'
      : flaws.length > 0
        ? `its evidence differs from the seal: ${flaws.slice(0, 3).join(', ')}`
        : undefined);
  if (problem === undefined) return evidence;
  throw new KitError(problem, {
    code: 'RUN_NOT_COMPARABLE',
    where: dir,
    hint: 'compare complete, unchanged runs; kit verify shows the state of a folder',
    exitCode: EXIT.UNKNOWN,
  });
}

function notComparable(where: string, differences: readonly Difference[]): KitError {
  const list = differences.map(({ fact, baseline, run }) => `  ${fact}: '${baseline}' before, '${run}' now`);
  return new KitError(`the runs differ in ${differences.length} facts\n${list.join('\n')}`, {
    code: 'RUN_NOT_COMPARABLE',
    where,
    hint: 'record both runs in the same way, or compare them anyway with --force',
    exitCode: EXIT.UNKNOWN,
  });
}

function isMeasuredInBoth({ baseline, run }: ComparedCriterion): boolean {
  return baseline.measured !== null && run.measured !== null;
}

/** Returns the error for runs that have no measurement in common: nothing is worse, but nothing is proven either. */
function nothingToCompare(where: string): KitError {
  return new KitError('no criterion is measured in both runs', {
    code: 'RUN_NOT_COMPARABLE',
    where,
    hint: 'compare runs of the same drills',
    exitCode: EXIT.UNKNOWN,
  });
}

/** Returns the reason why two gates with the same id do not measure the same thing; undefined if they do. */
function whyNotAlike(before: Gate, after: Gate): string | undefined {
  const keyOf = ({ sli, workload, unit }: Gate) => JSON.stringify([sli, workload, unit]);
  return keyOf(before) === keyOf(after) ? undefined : 'its gate measures a different figure in the baseline';
}

function sidesOf(evidence: Evidence, extensions: readonly LoadedExtension[]): ReadonlyMap<string, Side> {
  const { report, gates, scope, trials } = judgeInDetail(evidence, extensions);
  const sides = report.verdict.criteria.flatMap((criterion): [string, Side][] => {
    const gate = gates?.gates.find(({ id }) => id === criterion.id);
    if (gate === undefined || gates === undefined || criterion.state === 'OUT_OF_SCOPE') return [];
    const readings = readingsOf(gate, gates, scope, trials);
    return [[criterion.id, { gate, criterion, readings, machineMs: machineMsOf(gate, report) }]];
  });
  return new Map(sides);
}

/** Returns the figures of the trials that count for a gate. */
function readingsOf(
  gate: Gate,
  { machine }: Gates,
  scope: RunScope,
  trials: readonly JudgedTrial[],
): readonly Reading[] {
  return gate.workload.flatMap((drill) => {
    const own = trials.filter((trial) => trial.drill === drill);
    return attemptsOf(gate, machine, own).counted.flatMap((trial) => {
      const reading = readTrial(gate, scope, trial);
      return reading.kind === 'figure' ? [reading] : [];
    });
  });
}

/** Returns the delay, in ms, that the machine added to a percentile or to a single event in the gate's trials. */
function machineMsOf({ workload, sli }: Gate, { trials }: Report): number {
  const isPercentile = sli.stat !== undefined && sli.stat !== 'max';
  const delays = ({ machine }: { readonly machine?: MachineView }) =>
    isPercentile
      ? [machine?.latenessP99Ms, machine?.timerP99Ms, machine?.controlMachineP99Ms]
      : [machine?.latenessMaxMs, machine?.timerMaxMs, machine?.waitServerMaxMs, machine?.waitClientMaxMs];
  return largestDelayMs(trials.filter(({ drill }) => workload.includes(drill)).flatMap(delays));
}
