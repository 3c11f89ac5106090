/**
 * Judges the histories of one trial: returns the results of every checker, or the reason why the trial cannot be
 * judged. A pure function of the evidence.
 */
import { KitError } from '../../config/errors.ts';
import { type DrillText, trialView } from '../assembly/trial-view.ts';
import type { CheckContext, Checker, CheckResult } from '../checkers/checker.ts';
import { checkersOf, soundnessCheckers } from '../checkers/index.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import type { Evidence } from '../evidence/open.ts';
import { CONFIG, DRILLS } from '../evidence/run-folder.ts';
import type { EvidenceRef } from '../gates/gate.ts';
import type { JudgedTrial } from '../gates/read.ts';
import type { History } from '../history/events.ts';
import { type HistorySource, parseHistory } from '../history/parse.ts';
import type { TrialView } from '../reports/report.ts';
import type { Inputs } from './inputs.ts';
import { gapsOf, requiredExpectations, timedExpectations } from './obligations.ts';

export interface JudgedHistory extends JudgedTrial {
  readonly view: TrialView | undefined;
  readonly flaws: readonly string[];
}

/** Files of a run that differ from the seal. */
export class ChangedFiles {
  readonly #paths: ReadonlySet<string>;

  constructor({ integrity }: Evidence) {
    this.#paths = new Set([...integrity.altered, ...integrity.unsealed]);
  }

  among(paths: readonly string[]): readonly string[] {
    return paths.filter((path) => this.#paths.has(path));
  }
}

export function judgeTrial(
  evidence: Evidence,
  inputs: Inputs,
  unsound: ChangedFiles,
  record: TrialRecord,
): JudgedHistory {
  // Checkers read windows and TTLs from the configuration, and expectations from the drills.
  const basis = [...record.files, CONFIG, DRILLS];
  const missing = basis.filter((path) => !evidence.has(path));
  const broken = unsound.among(record.files);
  const definition = inputs.drills?.get(record.drill);
  const drill = definition ?? undefinedDrill(record.drill);
  const distrusted = evidence.accounting.distrusted.get(record);
  const { drill: id, trial, status } = record;
  const base = {
    drill: id,
    trial,
    status,
    ...(record.reason !== undefined && { reason: record.reason }),
    ...(record.round !== undefined && { round: record.round }),
    scripted: drill.family === 'integration' || drill.family === 'capacity',
    files: basis.flatMap((path) => refTo(evidence, path) ?? []),
    missing,
  };
  const withoutJudgement = (more: Pick<JudgedHistory, 'broken' | 'flaws'>): JudgedHistory => ({
    ...base,
    ...more,
    ...(distrusted !== undefined && { distrusted }),
    results: [],
    view: trialView(record, drill, undefined),
  });
  // An incomplete trial is not judged, because the missing part may contain the failure.
  if (missing.length > 0 || broken.length > 0 || distrusted !== undefined) {
    return withoutJudgement({ broken, flaws: [] });
  }
  if (status !== 'completed') {
    return { ...withoutJudgement({ broken, flaws: [] }), results: soundnessOf(evidence, inputs, record) };
  }
  if (definition === undefined) return withoutJudgement({ broken: [DRILLS], flaws: [] });
  try {
    const { history, torn } = parseHistory(historiesOf(evidence, record), record);
    return {
      ...base,
      broken: [],
      gaps: gapsIn(evidence, inputs, drill, history),
      results: resultsOf(evidence, inputs, record, drill, history),
      view: trialView(record, drill, history),
      flaws: torn.map((path) => `the last line of ${path} was cut off`),
    };
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return withoutJudgement({ broken: [...record.files], flaws: [`${error.where ?? id}: ${error.message}`] });
  }
}

/**
 * Returns the results of the machine checkers for a trial that did not complete; none if one of its histories ends in
 * the middle of a line.
 */
function soundnessOf(
  evidence: Evidence,
  { environment }: Inputs,
  record: TrialRecord,
): readonly CheckResult[] {
  if (environment === undefined || record.files.length === 0) return [];
  try {
    const { history } = parseHistory(historiesOf(evidence, record), record);
    const subject = { drill: record.drill, trial: record.trial, client: JUDGED_CLIENT, environment };
    return runCheckers(soundnessCheckers, history, subject);
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return [];
  }
}

function historiesOf(evidence: Evidence, { files }: TrialRecord): readonly HistorySource[] {
  return files.map((path) => ({ path, pieces: evidence.readHistory(path) ?? [] }));
}

function undefinedDrill(drill: string): DrillText {
  return { id: drill, title: drill, family: 'integration', safeOutcome: '' };
}

function resultsOf(
  { manifest: { substrate } }: Evidence,
  { environment, checkers }: Inputs,
  { clients, drill: id, trial }: TrialRecord,
  drill: DrillText,
  history: History,
): readonly CheckResult[] {
  if (environment === undefined) return [];
  const expected = drill.expectations && requiredExpectations(drill, { environment, substrate });
  const timed = timedExpectations(drill, { environment, substrate });
  const { neededFailovers } = drill;
  const subject = {
    ...{ drill: id, trial, substrate, timed },
    ...(expected !== undefined && { expected }),
    ...(neededFailovers !== undefined && { neededFailovers }),
  };
  return clients.flatMap((client) =>
    runCheckers([...checkersOf(id), ...checkers], history, { environment, client, ...subject }),
  );
}

/** Name of the client that the gates judge. */
export const JUDGED_CLIENT = 'kit';

function gapsIn(
  { manifest: { substrate } }: Evidence,
  { environment }: Inputs,
  drill: DrillText,
  history: History,
): readonly string[] {
  return environment === undefined ? [] : gapsOf(drill, history, JUDGED_CLIENT, { environment, substrate });
}

export function runCheckers(
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

export function refTo(evidence: Evidence, path: string): EvidenceRef | undefined {
  const sha256 = evidence.sha256Of(path);
  return sha256 === undefined ? undefined : { path, sha256 };
}
