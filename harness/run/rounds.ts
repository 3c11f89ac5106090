/**
 * The trials of a run, in rounds. The first round has every planned trial; a later one repeats those in which the machine was unsound for some
 * criterion, and no others. All trials stay in the evidence. The selection depends on the soundness of the machine and never on a result
 * (`gates/attempts.ts`), and the evidence shows it (`needlessRepeats`).
 */
import type { Gates } from '../../config/gates.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Drill } from '../drills/drill.ts';
import type { RunKind, TrialRecord } from '../evidence/manifest.ts';
import type { Clock } from '../history/clock.ts';
import { trialsToRepeat } from '../judge/repeats.ts';
import { type MachineWatch, openMachineWatch } from '../samplers/machine/index.ts';
import { type ConfigurationTrial, openConfigurationTrial } from '../trial/configuration.ts';
import { runTrial, type TrialRequest } from '../trial/index.ts';

export interface RoundsRequest extends Pick<TrialRequest, 'clientModule'> {
  readonly kind: RunKind;
  readonly environment: EnvironmentConfig;
  readonly substrate: string;
  readonly profile: 'quick' | 'full';
  readonly seed: number;
  /** Trials per drill; undefined: the drill's own for the profile. */
  readonly trials: number | undefined;
  /** Rounds after the first. */
  readonly retries: number;
  readonly coverage: string | undefined;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface RoundsSite {
  readonly environment: Environment;
  readonly drills: readonly Drill[];
  readonly gates: Gates;
  /** The run folder. */
  readonly dir: string;
  readonly clock: Clock;
  /** Whether the run records the trial that spans it. */
  readonly asksNodes: boolean;
}

/** A run of few drills may repeat them for one minute at least. */
const SHORTEST_REPETITION_US = 60_000_000;

interface PlannedTrial {
  readonly drill: Drill;
  readonly trial: number;
  readonly round: number;
}

/** Runs all rounds and adds each trial to `records` as soon as it is over. */
export async function runRounds(
  request: RoundsRequest,
  site: RoundsSite,
  records: TrialRecord[],
): Promise<void> {
  const { environment, dir, clock, asksNodes } = site;
  const { seed, signal, retries, progress } = request;
  const spanning = asksNodes
    ? await openConfigurationTrial({ environment, dir, clock, seed, signal })
    : undefined;
  await using machine = openMachineWatch();
  const run = (planned: readonly PlannedTrial[], endUs: number) =>
    runRound(request, { ...site, spanning, machine }, planned, endUs, records);

  const beganUs = clock.nowUs();
  await run(firstRound(request, site), Number.POSITIVE_INFINITY);
  // Repetitions on a busy machine take at most as much time again.
  const endUs = clock.nowUs() + Math.max(clock.nowUs() - beganUs, SHORTEST_REPETITION_US);
  for (let round = 2; round <= 1 + retries && !signal.aborted; round++) {
    const due = trialsToRepeat({ ...request, ...site, environment: request.environment, records });
    const planned = nextRound(site.drills, due, records, round);
    if (planned.length === 0) break;
    const names = [...new Set(planned.map(({ drill }) => drill.id))].join(', ');
    progress(
      `round ${round} of at most ${1 + retries}: the machine was busy during ${names}; measuring again`,
    );
    await run(planned, endUs);
  }
  if (spanning !== undefined && !signal.aborted) records.unshift(await spanning.end());
}

async function runRound(
  request: RoundsRequest,
  site: RoundsSite & { readonly spanning: ConfigurationTrial | undefined; readonly machine: MachineWatch },
  planned: readonly PlannedTrial[],
  endUs: number,
  records: TrialRecord[],
): Promise<void> {
  const { spanning, machine, environment, dir, clock } = site;
  const { profile, seed, clientModule, signal, progress } = request;
  for (const [position, { drill, trial, round }] of planned.entries()) {
    if (signal.aborted) return;
    if (clock.nowUs() >= endUs) {
      progress(`round ${round} ends early: the repetitions have taken as long as they may`);
      return;
    }
    if (records.length > 0) await spanning?.probeBetween();
    const label = `[${position + 1}/${planned.length}] ${drill.id}${trial > 1 ? ` #${trial}` : ''}`;
    progress(label);
    const record = await runTrial({
      ...{ drill, trial, environment, dir, clock, profile, machine, clientModule, signal },
      seed: seed + records.length,
      progress: (line) => progress(`${label}: ${line}`),
    });
    records.push(round === 1 ? record : { ...record, round });
  }
}

function firstRound(
  { trials, profile }: RoundsRequest,
  { drills, asksNodes }: RoundsSite,
): readonly PlannedTrial[] {
  return drills.flatMap((drill) =>
    drill.spansRun === true && asksNodes
      ? []
      : Array.from({ length: trials ?? drill.trials[profile] }, (_, i) => ({
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
