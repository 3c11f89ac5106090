/**
 * The right side of the flow: evidence → check results → criteria → verdict → report. Nothing here acts, asks the clock or
 * looks at today's configuration, so that the same folder gives the same bytes on any day and under any Node.
 *
 *   1. open      manifest, seal; what is missing or altered
 *   2. inputs    configuration, gates and drills as the run had them
 *   3. trials    histories → every checker for every client, one trial after the other
 *   4. gates     criteria, the evidence's own completeness first
 *   5. verdict   decision, exit code, action
 *   6. report    all of it in one value, numbers rounded to six digits
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KitError } from '../config/errors.ts';
import { type Gates, parseGates } from '../config/gates.ts';
import { type EnvironmentConfig, environmentSchema, PROMISES, promisesOf } from '../config/schema.ts';
import { benchmarks } from './assembly/benchmarks.ts';
import { comparison } from './assembly/comparison.ts';
import { type DrillText, trialView } from './assembly/trial-view.ts';
import type { CheckContext, Checker, CheckResult } from './checkers/checker.ts';
import { runCheckers, trialCheckers } from './checkers/index.ts';
import { canonicalJson } from './evidence/canonical-json.ts';
import type { TrialRecord } from './evidence/manifest.ts';
import { type Evidence, openEvidence } from './evidence/open.ts';
import { CONFIG, DRILLS, GATES, INPUTS, type InputName, MANIFEST, SEAL } from './evidence/run-folder.ts';
import { misshapen, type Shape } from './evidence/shape.ts';
import { evidenceComplete, unmeasuredDrills } from './gates/completeness.ts';
import { evaluate, type JudgedTrial } from './gates/evaluate.ts';
import type { Criterion, EvidenceRef } from './gates/gate.ts';
import type { RunScope } from './gates/scope.ts';
import { verdictOf } from './gates/verdict.ts';
import type { History, ObservationEvent } from './history.ts';
import { parseHistory } from './parse-history.ts';
import type { Report, TrialView } from './reports/report.ts';
import { rounded } from './statistics/round.ts';

const EMPTY: History = { operations: [], faults: [], observations: [], expectations: [], finals: [] };

/** Files without which no criterion means anything. */
const FOUNDATION = [MANIFEST, CONFIG, GATES] as const;

/** Inputs of judging; undefined where the file is gone or is not what it was. */
interface Inputs {
  readonly environment: EnvironmentConfig | undefined;
  readonly gates: Gates | undefined;
  readonly drills: ReadonlyMap<string, DrillText>;
  readonly flaws: readonly string[];
}

interface JudgedHistory extends JudgedTrial {
  readonly view: TrialView | undefined;
  readonly flaws: readonly string[];
}

/** Judges a run. Pure in the evidence; the same evidence gives the same report. */
export function judge(evidence: Evidence): Report {
  const { manifest, integrity } = evidence;
  const inputs = readInputs(evidence);
  const trials = manifest.trials.map((record) => judgeTrial(evidence, inputs, record));
  const results = trials.flatMap((trial) => trial.results);
  const complete = evidenceComplete({
    integrity,
    sealed: evidence.seal !== undefined,
    files: evidence.seal?.files.length ?? 0,
    incomplete: manifest.incomplete,
    unmeasured: unmeasuredDrills(manifest),
    flaws: [...inputs.flaws, ...unsealedTrialFiles(evidence), ...trials.flatMap((trial) => trial.flaws)],
    seal: refTo(evidence, SEAL),
  });
  const criteria = [complete, ...judgeGates(evidence, inputs, trials)];
  const groups = new Map(inputs.gates?.gates.map((gate) => [gate.id, gate.group]));
  const { trials: _records, ...run } = manifest;
  const failovers = [...inputs.drills.values()]
    .filter(({ family }) => family === 'failover')
    .map(({ id }) => id);
  return rounded({
    schema: 'redis-cache-kit/report/1',
    run,
    verdict: verdictOf(criteria, groups, inputs.environment, run),
    comparison: comparison(failovers, results),
    trials: trials.flatMap(({ view }) => (view === undefined ? [] : [view])),
    benchmarks: benchmarks(results),
    integrity: { missing: integrity.missing, altered: integrity.altered },
  });
}

function readInputs(evidence: Evidence): Inputs {
  const flaws: string[] = [];
  const parsed = <T>(path: string, parse: (text: string) => T): T | undefined => {
    const text = evidence.read(path);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      flaws.push(
        `${path} cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
      );
      return undefined;
    }
  };
  const drills = parsed(DRILLS, parseDrills) ?? [];
  return {
    environment: parsed(CONFIG, (text) => environmentSchema.parse(JSON.parse(text))),
    gates: parsed(GATES, (text) => parseGates(text, GATES)),
    drills: new Map(drills.map((drill) => [drill.id, drill])),
    flaws,
  };
}

/** What the reports say of a drill. */
const DRILLS_SHAPE: Shape = {
  listOf: {
    fields: {
      id: 'string',
      title: 'string',
      family: { oneOf: ['integration', 'failover', 'load'] },
      safeOutcome: 'string',
      expectations: { optional: { listOf: 'string' } },
      attached: { optional: { fields: { except: { optional: { listOf: 'string' } } } } },
    },
  },
};

function parseDrills(text: string): readonly DrillText[] {
  const drills: unknown = JSON.parse(text);
  const problem = misshapen(drills, DRILLS_SHAPE);
  if (problem !== undefined) throw new Error(problem);
  return drills as readonly DrillText[];
}

/** Histories that the manifest names and the seal does not: they came later. */
function unsealedTrialFiles({ manifest, seal, integrity }: Evidence): readonly string[] {
  if (seal === undefined) return [];
  const unsealed = manifest.trials
    .flatMap(({ files }) => files)
    .filter((path) => integrity.unsealed.includes(path));
  return unsealed.length > 0 ? [`not in the seal: ${unsealed.join(', ')}`] : [];
}

function judgeTrial(evidence: Evidence, inputs: Inputs, record: TrialRecord): JudgedHistory {
  const { integrity } = evidence;
  // Checkers read windows and TTLs out of the configuration: their findings stand on it as well.
  const stoodOn = [...record.files, CONFIG];
  const files = stoodOn.flatMap((path) => refTo(evidence, path) ?? []);
  const missing = stoodOn.filter((path) => !evidence.has(path));
  const altered = record.files.filter(
    (path) => integrity.altered.includes(path) || integrity.unsealed.includes(path),
  );
  const drill = inputs.drills.get(record.drill) ?? {
    id: record.drill,
    title: record.drill,
    family: 'integration',
    safeOutcome: '',
  };
  const { drill: id, trial, status } = record;
  const base = {
    drill: id,
    trial,
    status,
    ...(record.reason !== undefined && { reason: record.reason }),
    files,
  };
  const unjudged = (broken: readonly string[], flaws: readonly string[]): JudgedHistory => ({
    ...base,
    missing,
    broken,
    results: [],
    view: trialView(record, drill, undefined),
    flaws,
  });
  // What is left of a trial is not judged: nobody could tell what went with the rest.
  if (missing.length > 0 || altered.length > 0 || status !== 'completed') return unjudged(altered, []);
  try {
    const { history, torn } = parseHistory(
      record.files.map((path) => ({ path, text: evidence.read(path) ?? '' })),
    );
    const { environment } = inputs;
    const { substrate } = evidence.manifest;
    const except = substrate === 'attached' ? drill.attached?.except : undefined;
    const expected = drill.expectations?.filter((each) => !except?.includes(each));
    const subject = { drill: id, trial, substrate, ...(expected !== undefined && { expected }) };
    return {
      ...base,
      missing,
      broken: [],
      results:
        environment === undefined
          ? []
          : record.clients.flatMap((client) =>
              check(trialCheckers, history, { environment, client, ...subject }),
            ),
      view: trialView(record, drill, history),
      flaws: torn.map((path) => `the last line of ${path} was cut off`),
    };
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return unjudged([...record.files], [`${error.where ?? id}: ${error.message}`]);
  }
}

function check(
  checkers: readonly Checker[],
  history: History,
  { trial, ...context }: CheckContext & Pick<TrialRecord, 'trial'>,
): readonly CheckResult[] {
  const { drill, client } = context;
  return checkers.map((checker) => ({
    checker: checker.id,
    drill,
    trial,
    client,
    ...checker.check(history, context),
  }));
}

function judgeGates(
  evidence: Evidence,
  inputs: Inputs,
  trials: readonly JudgedTrial[],
): readonly Criterion[] {
  const { gates, environment } = inputs;
  if (gates === undefined) return [];
  const { integrity, manifest } = evidence;
  const context = {
    run: scopeOf(evidence, environment),
    judgedAt: manifest.judgedAt,
    trials: [...trials, ...withoutTrial(evidence, environment)],
    waivers: gates.waivers,
    tainted: FOUNDATION.filter((path) => integrity.altered.includes(path)).map(
      (path) => `${path} is not what was sealed: nothing that follows from it can be trusted`,
    ),
  };
  return gates.gates.map((gate) => evaluate(gate, context));
}

function scopeOf({ manifest, seal, has }: Evidence, environment: EnvironmentConfig | undefined): RunScope {
  const given = (Object.entries(INPUTS) as [InputName, string][]).filter(
    ([, path]) => seal?.files.some((file) => file.path === path) === true || has(path),
  );
  return {
    kind: manifest.kind,
    environment: manifest.environment,
    substrate: manifest.substrate,
    profile: manifest.profile,
    // Without its configuration a run is asked everything, and answers nothing.
    // What stands behind somebody else's address is not known: it is asked everything, too.
    topology: manifest.substrate === 'attached' ? 'sentinel' : (environment?.topology.kind ?? 'sentinel'),
    promises: environment === undefined ? new Set(PROMISES) : promisesOf(environment),
    inputs: new Set(given.map(([name]) => name)),
    asked: new Set(manifest.trials.map(({ drill }) => drill)),
  };
}

/** What is judged without a drill, as trials of their own: the configuration, and the inputs. */
function withoutTrial(
  evidence: Evidence,
  environment: EnvironmentConfig | undefined,
): readonly JudgedTrial[] {
  const files = { configuration: CONFIG, coverage: INPUTS.coverage } as const;
  const histories = { configuration: EMPTY, coverage: coverageHistory(evidence) };
  return runCheckers.flatMap((checker) => {
    const id = checker.id as keyof typeof files;
    const path = files[id];
    const ref = refTo(evidence, path);
    if (ref === undefined) return [];
    const gone = !evidence.has(path);
    const altered = evidence.integrity.altered.includes(path);
    return [
      {
        drill: id,
        trial: 0,
        status: 'completed' as const,
        files: [ref],
        missing: gone ? [path] : [],
        broken: altered ? [path] : [],
        results:
          environment === undefined || gone || altered
            ? []
            : check([checker], histories[id], {
                environment,
                substrate: evidence.manifest.substrate,
                ...{ drill: id, trial: 0, client: 'kit' },
              }),
      },
    ];
  });
}

/** A coverage summary (istanbul's json-summary) as the one observation that its checker reads. */
function coverageHistory(evidence: Evidence): History {
  const summary = evidence.read(INPUTS.coverage);
  if (summary === undefined) return EMPTY;
  const data: Record<string, number | string | boolean | null> = {
    runCommit: evidence.manifest.commit,
    ...coverageStamp(evidence),
  };
  try {
    const { total } = JSON.parse(summary) as {
      total?: Record<string, { covered?: unknown; total?: unknown }>;
    };
    for (const part of ['lines', 'branches']) {
      const { covered, total: all } = total?.[part] ?? {};
      if (typeof covered === 'number' && typeof all === 'number') {
        data[`${part}Covered`] = covered;
        data[`${part}Total`] = all;
      }
    }
  } catch {
    // Not JSON: the checker finds no totals and says so.
  }
  const observation: ObservationEvent = { type: 'observe', from: 'process', name: 'coverage', atUs: 0, data };
  return { ...EMPTY, observations: [observation] };
}

/** What stands beside the summary: at which commit, and of which summary. */
function coverageStamp(evidence: Evidence): Record<string, string | boolean> {
  const stamp = evidence.read(INPUTS.coverageCommit);
  if (stamp === undefined || evidence.integrity.altered.includes(INPUTS.coverageCommit)) return {};
  try {
    const { commit, summarySha256 } = JSON.parse(stamp) as Readonly<Record<string, unknown>>;
    if (typeof commit !== 'string') return {};
    return { ofCommit: commit, isOfSummary: summarySha256 === evidence.sha256Of(INPUTS.coverage) };
  } catch {
    return {};
  }
}

function refTo(evidence: Evidence, path: string): EvidenceRef | undefined {
  const sha256 = evidence.sha256Of(path);
  return sha256 === undefined ? undefined : { path, sha256 };
}

/**
 * Judges a recorded run again.
 *
 * @throws KitError EVIDENCE_UNREADABLE, exit 3, where there is nothing to judge
 */
export function analyzeRun(dir: string): Report {
  return judge(openEvidence(dir));
}

export interface Verification {
  readonly ok: boolean;
  /** One line each, naming the file. */
  readonly problems: readonly string[];
}

export type Renderers = Readonly<Record<string, (report: Report) => string>>;

/**
 * Proves that a run folder is what was sealed and says what it follows from: every hash, and every report computed again and
 * compared byte for byte with the one that is stored.
 *
 * @param renderers by file name; `report.json` is canonical JSON where none is given for it
 */
export function verifyRun(dir: string, renderers: Renderers = {}): Verification {
  const evidence = openEvidence(dir);
  const { missing, altered, unsealed } = evidence.integrity;
  const report = judge(evidence);
  const problems = [
    ...missing.map((path) =>
      path === SEAL
        ? `${path} is missing: the run was never sealed, or the seal is gone`
        : `${path} is missing`,
    ),
    ...altered.map((path) => `${path} was altered: it differs from what was sealed`),
    ...unsealed.map((path) => `${path} is not in the seal: it was added later`),
    ...(evidence.manifest.incomplete === undefined ? [] : [`${MANIFEST}: ${evidence.manifest.incomplete}`]),
    ...Object.entries({ 'report.json': canonicalJson, ...renderers }).flatMap(([name, render]) =>
      compareStored(join(dir, name), name, render(report)),
    ),
  ];
  return { ok: problems.length === 0, problems };
}

function compareStored(path: string, name: string, expected: string): readonly string[] {
  let stored: string;
  try {
    stored = readFileSync(path, 'utf8');
  } catch {
    return [`${name} is missing: it could not be compared`];
  }
  if (stored === expected) return [];
  const lines = expected.split('\n');
  const line = stored.split('\n').findIndex((text, index) => text !== lines[index]) + 1;
  return [`${name} differs from what the evidence gives, first in line ${line}`];
}
