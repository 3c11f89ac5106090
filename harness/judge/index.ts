/**
 * The judging half of the data flow: evidence → check results → criteria → verdict → report. No module here performs
 * actions or reads the clock or the current configuration, so that the same folder gives the same bytes on any day and
 * with any version of Node.js.
 *
 *   1. open      manifest, seal; files that are missing, altered or not accounted for
 *   2. inputs    configuration, gates and drills of the run
 *   3. trials    histories → every checker for every client, one trial after the other
 *   4. gates     criteria, the evidence's own completeness first
 *   5. verdict   decision, exit code, action
 *   6. report    all results in one value, numbers rounded to six digits
 */
import type { Gates } from '../../config/gates.ts';
import { assembleBenchmarks } from '../assembly/benchmarks.ts';
import { assembleComparison } from '../assembly/comparison.ts';
import { machineView } from '../assembly/machine-view.ts';
import { type Evidence, openEvidence } from '../evidence/open.ts';
import { INPUTS, type InputName, MANIFEST, SEAL } from '../evidence/run-folder.ts';
import type { LoadedExtension } from '../extension/extension.ts';
import { isLeftOut, needlessRepeats } from '../gates/attempts.ts';
import { evidenceComplete, unmeasuredDrills } from '../gates/completeness.ts';
import { evaluate } from '../gates/evaluate.ts';
import type { Criterion } from '../gates/gate.ts';
import type { JudgedTrial } from '../gates/read.ts';
import { outOfScope, type RunScope } from '../gates/scope.ts';
import { verdictOf } from '../gates/verdict.ts';
import type { Report, TrialView } from '../reports/report.ts';
import { roundNumbers } from '../statistics/round.ts';
import { explainMissingChecker, extensionProblems, extensionReports } from './extensions.ts';
import { type Inputs, readInputs } from './inputs.ts';
import { judgeRunInputs } from './run-inputs.ts';
import { scopeOf } from './scope.ts';
import { compareStoredReports, type Renderers } from './stored-reports.ts';
import { ChangedFiles, type JudgedHistory, judgeTrial, refTo } from './trials.ts';

/** Judges a run. A pure function of the evidence: the same evidence gives the same report. */
export function judge(evidence: Evidence, extensions: readonly LoadedExtension[] = []): Report {
  return judgeInDetail(evidence, extensions).report;
}

export interface Judgement {
  readonly report: Report;
  readonly gates: Gates | undefined;
  readonly scope: RunScope;
  readonly trials: readonly JudgedTrial[];
}

/** Returns the report together with the results of every trial, for a comparison of two runs. */
export function judgeInDetail(evidence: Evidence, extensions: readonly LoadedExtension[] = []): Judgement {
  const { manifest, integrity } = evidence;
  const inputs = readInputs(evidence, extensions);
  const unsound = new ChangedFiles(evidence);
  const trials = manifest.trials.map((record) => judgeTrial(evidence, inputs, unsound, record));
  const results = trials.flatMap((trial) => trial.results);
  const complete = evidenceComplete({
    integrity,
    sealed: evidence.seal !== undefined,
    files: evidence.seal?.files.length ?? 0,
    incomplete: manifest.incomplete,
    unmeasured: [
      ...unmeasuredDrills(manifest),
      ...inputs.withoutTrial.map((drill) => `${drill} has no trial in the manifest`),
    ],
    flaws: [
      ...inputs.flaws,
      ...evidence.accounting.flaws,
      ...trials.flatMap((trial) => trial.flaws),
      ...repeatsWithoutReason(evidence, inputs, trials),
    ],
    seal: refTo(evidence, SEAL),
  });
  const judged = [...trials, ...judgeRunInputs(evidence, inputs.environment, unsound)];
  const problems = extensionProblems(manifest, extensions);
  const criteria = [complete, ...judgeGates(evidence, inputs, judged)].map((criterion) =>
    explainMissingChecker(criterion, inputs.gates, inputs.checkers, problems),
  );
  const groups = new Map(inputs.gates?.gates.map((gate) => [gate.id, gate.group]));
  const { trials: _records, digests: _digests, ...run } = manifest;
  const failovers = [...(inputs.drills?.values() ?? [])]
    .filter(({ family }) => family === 'failover')
    .map(({ id }) => id);
  const report: Report = roundNumbers({
    schema: 'redis-cache-kit/report/3',
    run,
    verdict: verdictOf(criteria, groups, inputs.environment, run),
    comparison: assembleComparison(failovers, results),
    trials: trials.flatMap((trial) => viewOf(evidence, inputs, trial)),
    benchmarks: assembleBenchmarks(results),
    integrity: { missing: integrity.missing, altered: integrity.altered },
  });
  return { report, gates: inputs.gates, scope: scopeOfRun(evidence, inputs), trials: judged };
}

/** Returns the view of a trial for the report, with the machine and its effect on the criteria. */
function viewOf(evidence: Evidence, inputs: Inputs, trial: JudgedHistory): readonly TrialView[] {
  const { view, results } = trial;
  if (view === undefined) return [];
  const run = scopeOfRun(evidence, inputs);
  const { gates = [], machine } = inputs.gates ?? {};
  const asking = gates.filter(
    (gate) => gate.workload.includes(trial.drill) && outOfScope(gate, run) === undefined,
  );
  const leftOutOf =
    machine === undefined ? [] : asking.filter((gate) => isLeftOut(gate, machine, trial)).map(({ id }) => id);
  const machineSeen = machineView(results, leftOutOf);
  return [{ ...view, ...(machineSeen !== undefined && { machine: machineSeen }) }];
}

/**
 * Describes trials that were repeated even though the machine had allowed a valid measurement: such a repeat would
 * select trials by their results.
 */
function repeatsWithoutReason(
  evidence: Evidence,
  inputs: Inputs,
  trials: readonly JudgedTrial[],
): readonly string[] {
  const { gates } = inputs;
  if (gates === undefined) return [];
  const run = scopeOfRun(evidence, inputs);
  return needlessRepeats({ run, gates: gates.gates, machine: gates.machine, trials });
}

function judgeGates(
  evidence: Evidence,
  inputs: Inputs,
  trials: readonly JudgedTrial[],
): readonly Criterion[] {
  const { gates, tainted } = inputs;
  if (gates === undefined) return [];
  const context = {
    run: scopeOfRun(evidence, inputs),
    judgedAt: evidence.manifest.judgedAt,
    trials,
    waivers: gates.waivers,
    machine: gates.machine,
    tainted,
  };
  return gates.gates.map((gate) => evaluate(gate, context));
}

function scopeOfRun({ manifest, seal, has }: Evidence, { environment, gates }: Inputs): RunScope {
  const sealed = seal && new Set(seal.files.map(({ path }) => path));
  const given = (Object.entries(INPUTS) as [InputName, string][]).filter(([, path]) =>
    sealed === undefined ? has(path) : sealed.has(path),
  );
  return scopeOf(manifest, {
    ...{ environment, gates, trials: manifest.trials },
    inputs: new Set(given.map(([name]) => name)),
    asked: new Set(manifest.trials.map(({ drill }) => drill)),
  });
}

/**
 * Judges a recorded run again.
 *
 * @param extensions modules whose checkers the run needs
 * @throws KitError EVIDENCE_UNREADABLE, exit 3, if there is nothing to judge
 */
export function analyzeRun(dir: string, extensions: readonly LoadedExtension[] = []): Report {
  return judge(openEvidence(dir), extensions);
}

export interface Verification {
  readonly ok: boolean;
  /** One line per problem, naming the file. */
  readonly problems: readonly string[];
  /** Parts that were not compared byte for byte. */
  readonly notes: readonly string[];
}

/**
 * Verifies that a run folder has not changed since it was sealed and that its reports follow from it: checks every
 * hash, recomputes every report and compares it byte for byte with the stored one.
 *
 * @param renderers renderers by file name; if there is none for `report.json`, that file is rendered as canonical JSON
 */
export function verifyRun(
  dir: string,
  renderers: Renderers = {},
  extensions: readonly LoadedExtension[] = [],
): Verification {
  const evidence = openEvidence(dir);
  const { missing, altered, unsealed } = evidence.integrity;
  const ofExtensions = extensionReports(evidence.manifest, extensions);
  const compared = compareStoredReports(dir, judge(evidence, extensions), { ...renderers, ...ofExtensions });
  const problems = [
    ...missing.map((path) =>
      path === SEAL
        ? `${path} is missing: the run was never sealed, or the seal was removed`
        : `${path} is missing`,
    ),
    ...altered.map((path) => `${path} was altered: it differs from the seal`),
    ...unsealed.map((path) => `${path} is not in the seal: it was added later`),
    ...(evidence.manifest.incomplete === undefined ? [] : [`${MANIFEST}: ${evidence.manifest.incomplete}`]),
    ...extensionProblems(evidence.manifest, extensions).map((problem) => `${problem}: pass it with --module`),
    ...compared.problems,
  ];
  return { ok: problems.length === 0, problems, notes: compared.notes };
}
