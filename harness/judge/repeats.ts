/**
 * Selects the trials that the next round of a run repeats: returns the number of trials per drill, computed from the
 * histories so far. Reads the run folder and changes nothing.
 */
import { KitError } from '../../config/errors.ts';
import type { Gates } from '../../config/gates.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { DrillText } from '../assembly/trial-view.ts';
import { soundnessCheckers } from '../checkers/index.ts';
import type { RunKind, TrialRecord } from '../evidence/manifest.ts';
import { readHistories } from '../evidence/run-folder.ts';
import { trialsDue } from '../gates/attempts.ts';
import type { JudgedTrial } from '../gates/read.ts';
import { parseHistory } from '../history/parse.ts';
import { gapsOf } from './obligations.ts';
import { scopeOf } from './scope.ts';
import { JUDGED_CLIENT, runCheckers } from './trials.ts';

export interface RepeatRequest {
  readonly kind: RunKind;
  readonly environment: EnvironmentConfig;
  readonly substrate: string;
  readonly profile: 'quick' | 'full';
  readonly coverage: string | undefined;
  readonly gates: Gates;
  readonly drills: readonly DrillText[];
  /** Path of the run folder. */
  readonly dir: string;
  readonly records: readonly TrialRecord[];
}

export function trialsToRepeat(request: RepeatRequest): ReadonlyMap<string, number> {
  const { environment, gates, drills, records, coverage } = request;
  const run = scopeOf(
    { ...request, environment: environment.name },
    {
      ...{ environment, gates, trials: records },
      inputs: new Set(coverage === undefined ? [] : ['coverage']),
      asked: new Set(drills.map(({ id }) => id)),
    },
  );
  const trials = records.flatMap((record) => {
    const drill = drills.find(({ id }) => id === record.drill);
    return drill === undefined ? [] : [judgeSoundness(request, drill, record)];
  });
  return trialsDue({ run, gates: gates.gates, machine: gates.machine, trials });
}

function judgeSoundness(
  { dir, environment, substrate }: RepeatRequest,
  drill: DrillText,
  record: TrialRecord,
): JudgedTrial {
  const base = {
    ...{ drill: record.drill, trial: record.trial, status: record.status },
    ...(record.round !== undefined && { round: record.round }),
    ...{
      scripted: drill.family === 'integration' || drill.family === 'capacity',
      files: [],
      missing: [],
      broken: [],
    },
  };
  try {
    const { history } = parseHistory(readHistories(dir, record.files), record);
    const subject = { drill: record.drill, trial: record.trial, client: JUDGED_CLIENT, environment };
    return {
      ...base,
      gaps: gapsOf(drill, history, JUDGED_CLIENT, { environment, substrate }),
      results: runCheckers(soundnessCheckers, history, subject),
    };
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return { ...base, broken: [...record.files], results: [] };
  }
}
