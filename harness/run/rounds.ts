/**
 * The trials of a run, in rounds. The first round has every planned trial. A later round repeats only the trials in
 * which the machine was too busy for a valid measurement of some criterion. All trials stay in the evidence. The
 * selection depends on the state of the machine and never on a result (`gates/attempts.ts`), and the evidence shows
 * this (`needlessRepeats`).
 */
import type { Gates } from '../../config/gates.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { WatchdogStatus } from '../../infra/substrates/environment.ts';
import type { Drill } from '../drills/drill.ts';
import type { RunKind, TrialRecord } from '../evidence/manifest.ts';
import { trialsToRepeat } from '../judge/repeats.ts';
import { type MachineWatch, openMachineWatch } from '../samplers/machine/index.ts';
import { type ConfigurationTrial, openConfigurationTrial } from '../trial/configuration.ts';
import type { TrialRequest } from '../trial/context.ts';
import { runTrial } from '../trial/index.ts';

export interface RoundsRequest
  extends Pick<TrialRequest, 'environment' | 'dir' | 'clock' | 'clientModule' | 'stateDir'> {
  readonly kind: RunKind;
  readonly config: EnvironmentConfig;
  readonly substrate: string;
  readonly profile: 'quick' | 'full';
  readonly seed: number;
  readonly drills: readonly Drill[];
  readonly gates: Gates;
  /** Number of trials per drill; undefined to use the drill's own number for the profile. */
  readonly trials: number | undefined;
  /** Maximum number of rounds after the first. */
  readonly retries: number;
  /** Whether a trial that spans the whole run is recorded. */
  readonly asksNodes: boolean;
  /** State of the watchdog before the environment was applied; undefined if it is unknown or does not matter. */
  readonly watchdogBefore?: WatchdogStatus | undefined;
  readonly coverage: string | undefined;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Minimum time for repetitions: a run with few drills may repeat trials for one minute even if the first round took
 * less time.
 */
const SHORTEST_REPETITION_US = 60_000_000;

interface PlannedTrial {
  readonly drill: Drill;
  readonly trial: number;
  readonly round: number;
}

interface Watches {
  readonly spanning: ConfigurationTrial | undefined;
  readonly machine: MachineWatch;
}

/** Runs all rounds and adds each trial to `records` as soon as the trial ends. */
export async function runRounds(request: RoundsRequest, records: TrialRecord[]): Promise<void> {
  const { drills, config, clock, signal, retries, progress } = request;
  const spanning = request.asksNodes ? await openConfigurationTrial(request) : undefined;
  await using machine = openMachineWatch();
  const watches = { spanning, machine };

  const beganUs = clock.nowUs();
  await runRound(request, watches, firstRound(request), records);
  // Repetitions on a busy machine take at most as much time as the first round.
  const endUs = clock.nowUs() + Math.max(clock.nowUs() - beganUs, SHORTEST_REPETITION_US);
  for (let round = 2; round <= 1 + retries && !signal.aborted; round++) {
    const due = trialsToRepeat({ ...request, environment: config, records });
    const planned = nextRound(drills, due, records, round);
    if (planned.length === 0) break;
    const names = [...new Set(planned.map(({ drill }) => drill.id))].join(', ');
    progress(
      `round ${round} of at most ${1 + retries}: the machine was busy during ${names}; repeating these trials`,
    );
    await runRound(request, watches, planned, records, endUs);
  }
  if (spanning !== undefined && !signal.aborted) records.unshift(await spanning.end());
}

async function runRound(
  request: RoundsRequest,
  { spanning, machine }: Watches,
  planned: readonly PlannedTrial[],
  records: TrialRecord[],
  endUs = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { environment, dir, clock } = request;
  const { profile, seed, clientModule, stateDir, signal, progress } = request;
  for (const [position, { drill, trial, round }] of planned.entries()) {
    if (signal.aborted) return;
    if (clock.nowUs() >= endUs) {
      progress(`round ${round} ends early: time limit of the repetitions reached`);
      return;
    }
    if (records.length > 0) await spanning?.probeBetween();
    const label = `[${position + 1}/${planned.length}] ${drill.id}${trial > 1 ? ` #${trial}` : ''}`;
    progress(label);
    const record = await runTrial({
      ...{ drill, trial, environment, dir, clock, profile, machine, clientModule, stateDir, signal },
      seed: seed + records.length,
      progress: (line) => progress(`${label}: ${line}`),
    });
    records.push(round === 1 ? record : { ...record, round });
  }
}

function firstRound({ drills, trials, profile, asksNodes }: RoundsRequest): readonly PlannedTrial[] {
  return drills.flatMap((drill) =>
    drill.spansRun === true && asksNodes
      ? []
      : Array.from({ length: trials ?? Math.max(1, drill.trials[profile]) }, (_, i) => ({
          ...{ drill, trial: i + 1, round: 1 },
        })),
  );
}

function nextRound(
  drills: readonly Drill[],
  due: ReadonlyMap<string, number>,
  records: readonly TrialRecord[],
  round: number,
): readonly PlannedTrial[] {
  return drills.flatMap((drill) => {
    const before = records.filter((record) => record.drill === drill.id).length;
    return Array.from({ length: due.get(drill.id) ?? 0 }, (_, i) => ({
      ...{ drill, trial: before + i + 1, round },
    }));
  });
}
