/**
 * Soundness of the machine in one trial, for one gate. Pure, and computed from the figures of the checkers `machine`
 * and `generator` alone: no result of the client or the servers contributes, so a result cannot excuse itself.
 *
 * The bounds of a gate (`timing` in gates.yaml) depend on the delays that can change its figure: a percentile is
 * compared with the delays at p99, a gap or a deadline with the longest delay, a failover also with the longest bare
 * fsync, a latency with the time that the machine adds to a send and to a bare round trip. `machine` in gates.yaml
 * applies to all gates.
 */
import type { Gate, MachineBounds } from '../../config/gates.ts';
import type { CheckResult } from '../checkers/checker.ts';
import { GENERATOR_ENDED, IDLE_MACHINE, MACHINE_UNSAMPLED } from './remedies.ts';
import { inWords } from './target.ts';

export interface Unsoundness {
  readonly reason: string;
  readonly remedy: string;
}

export interface SampledTrial {
  readonly results: readonly CheckResult[];
  /** Whether the trial is scripted, and so has no generator whose lateness could be recorded. */
  readonly scripted?: boolean;
}

/** Delays that are compared with a bound, each with its name in a report. */
const AT_P99 = { latenessP99Ms: 'sends of the generator', timerP99Ms: 'timers of an idle thread' } as const;
const AT_DISK = { diskMaxMs: 'a bare fsync took' } as const;
const AT_WORST = {
  latenessMaxMs: 'a send of the generator',
  timerMaxMs: 'a timer of an idle thread',
  waitHarnessMaxMs: 'a thread of the harness waiting for a CPU',
  waitClientMaxMs: 'the thread of the client waiting for a CPU',
  waitServerMaxMs: 'a server waiting for a CPU',
} as const;

/**
 * Returns the reason why the machine makes the trial INVALID for the gate; undefined if the machine was sound, or if
 * the machine never excuses the gate.
 */
export function findUnsoundness(
  gate: Gate,
  machine: MachineBounds,
  trial: SampledTrial,
): Unsoundness | undefined {
  if (gate.timing === false) return undefined;
  const figures = figuresOf(trial, gate.client);
  const missing = findMissingSamples(figures, trial);
  if (missing !== undefined) return missing;
  const { latenessP99MaxMs, latenessMaxMs, controlMaxShare, fsyncMaxMs } = gate.timing;
  const problem =
    limitExceeded(figures, AT_P99, latenessP99MaxMs, 'late at p99') ??
    limitExceeded(figures, AT_WORST, latenessMaxMs, 'late at worst') ??
    controlProblem(figures, gate, controlMaxShare) ??
    limitExceeded(figures, AT_DISK, fsyncMaxMs, 'at worst') ??
    loadProblem(figures, machine);
  return problem === undefined ? undefined : busyReason(problem, figures);
}

/**
 * Returns the reason why a trial that did not complete proves nothing; undefined if the machine was sound, or was not
 * sampled.
 */
export function incompleteUnsoundness(machine: MachineBounds, trial: SampledTrial): Unsoundness | undefined {
  const figures = figuresOf(trial, 'kit');
  const problem =
    limitExceeded(figures, AT_WORST, machine.incompleteLatenessMaxMs, 'late at worst') ??
    loadProblem(figures, machine);
  return problem === undefined ? undefined : busyReason(problem, figures);
}

function busyReason(problem: string, figures: Figures): Unsoundness {
  return { reason: `${problem}${loadInWords(figures)}`, remedy: IDLE_MACHINE };
}

type Figures = ReadonlyMap<string, number>;

const SAMPLING: ReadonlySet<string> = new Set(['machine', 'generator']);

function figuresOf({ results }: SampledTrial, client: string): Figures {
  const own = results.filter((result) => result.client === client && SAMPLING.has(result.checker));
  return new Map(
    own.flatMap(({ figures }) =>
      Object.entries(figures).flatMap(([name, figure]) =>
        figure.kind === 'value' ? [[name, figure.value] as const] : [],
      ),
    ),
  );
}

function findMissingSamples(figures: Figures, { scripted = false }: SampledTrial): Unsoundness | undefined {
  if (!scripted && !figures.has('latenessP99Ms')) {
    return { reason: 'the lateness of the generator is not recorded', remedy: GENERATOR_ENDED };
  }
  if (!figures.has('timerP99Ms')) return { reason: 'the machine was not sampled', remedy: MACHINE_UNSAMPLED };
  return undefined;
}

function limitExceeded(
  figures: Figures,
  names: Readonly<Record<string, string>>,
  most: number | undefined,
  how: string,
): string | undefined {
  if (most === undefined) return undefined;
  const [worst] = Object.entries(names)
    .flatMap(([name, what]) => {
      const ms = figures.get(name) ?? 0;
      return ms > most ? [{ what, ms }] : [];
    })
    .sort((a, b) => b.ms - a.ms);
  if (worst === undefined) return undefined;
  return `the machine was busy: ${worst.what} ${inWords(worst.ms, 'ms')} ${how}, limit ${most} ms for this criterion`;
}

/**
 * Checks the control measurement. A late send and the round trip both delay an operation, so the two delays are added.
 */
function controlProblem(figures: Figures, gate: Gate, share: number | undefined): string | undefined {
  const added = figures.get('controlMachineP99Ms');
  if (share === undefined || added === undefined) return undefined;
  const late = figures.get('latenessP99Ms') ?? 0;
  if (late + added <= share * gate.target.value) return undefined;
  return `the machine was busy: it delays the sends by ${inWords(late, 'ms')} and a bare round trip by ${inWords(added, 'ms')} at p99, limit for both together ${inWords(share, 'ratio')} of the target of ${gate.target.value} ms`;
}

function loadProblem(
  figures: Figures,
  { stealMaxRatio, runnableMaxPerCore }: MachineBounds,
): string | undefined {
  const steal = figures.get('stealRatio') ?? 0;
  if (steal > stealMaxRatio) {
    return `the hypervisor took ${inWords(Number(steal.toPrecision(3)), 'ratio')} of the CPU time, limit ${inWords(stealMaxRatio, 'ratio')}`;
  }
  const runnable = figures.get('runnablePerCore') ?? 0;
  if (runnable > runnableMaxPerCore) {
    return `the machine was busy: ${inWords(Number(runnable.toPrecision(3)), 'runnable threads')} per core, limit ${runnableMaxPerCore}`;
  }
  return undefined;
}

/** Describes the load of the machine, so that a reader sees the cause of a delay. */
function loadInWords(figures: Figures): string {
  const runnable = figures.get('runnablePerCore');
  const others = figures.get('othersRatio');
  const parts = [
    ...(runnable === undefined
      ? []
      : [`${inWords(Number(runnable.toPrecision(3)), 'runnable threads')} per core`]),
    ...(others === undefined
      ? []
      : [`${inWords(Number(others.toPrecision(3)), 'ratio')} of the CPU time used by other programs`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
