/**
 * Runs one trial of a drill, from a healthy environment to a healthy one. `runTrial` is the table of contents.
 *
 * It acts and records; nothing here judges. In any case (an error, the drill's bound, Ctrl-C) every fault is healed,
 * every generator ended and the histories closed, and the record gives the reason if there is nothing to judge.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Drill } from '../drills/drill.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import { openRecorder } from '../history/recorder.ts';
import { startSamplers } from '../samplers/index.ts';
import { type MachineWatch, openMachineWatch, type WatchedTrial } from '../samplers/machine/index.ts';
import { workloadByName } from '../workloads/index.ts';
import { resolveParameters } from '../workloads/parameters.ts';
import { missingAfter } from './health.ts';
import { runLoad } from './load.ts';
import { runScript } from './script.ts';
import { writeGapLines } from './write-gaps.ts';

export interface TrialRequest {
  readonly drill: Drill;
  readonly trial: number;
  readonly environment: Environment;
  /** The run folder. */
  readonly dir: string;
  readonly seed: number;
  readonly clock: Clock;
  readonly profile: 'quick' | 'full';
  /** The run's machine watch; a trial without one watches the machine by itself. */
  readonly machine?: MachineWatch;
  /** URL of the module that replaces the kit's client; absent: the kit's own. */
  readonly clientModule?: string | undefined;
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
}

/** Context that every part of a trial works with. */
export interface TrialContext
  extends Required<Omit<TrialRequest, 'signal' | 'machine' | 'clientModule'>>,
    Pick<TrialRequest, 'clientModule'> {
  readonly recorder: Recorder;
  readonly machine: WatchedTrial;
  /** Aborts on Ctrl-C, at the drill's bound and when a history cannot be written. */
  readonly signal: AbortSignal;
  readonly parameters: Readonly<Record<string, number>>;
  /** Unique to this trial, in every key. */
  readonly tag: string;
  /** Path of a history file of this trial; named ones are part of the record. */
  historyPath(writer: string): string;
}

/** Longer than the sentinels take to make a replica of a deposed master: about 10 s; a cluster needs 2 s. */
const WHOLE_BOUND_MS = 15_000;

/** Ends a trial without an error of its own: there is nothing to judge. */
class TrialBound extends Error {}

export async function runTrial(request: TrialRequest): Promise<TrialRecord> {
  const { drill, trial, environment, clock, seed } = request;
  const startedUs = clock.nowUs();
  const files: string[] = [];
  const record = (status: TrialRecord['status'], reason?: string): TrialRecord => ({
    drill: drill.id,
    trial,
    status,
    ...(reason !== undefined && { reason }),
    seed,
    clients: drill.clients,
    // A history that could not be opened is no file of the trial.
    files: files.filter((file) => existsSync(join(request.dir, file))),
    startedUs,
    endedUs: clock.nowUs(),
  });

  // 1. A drill that this environment does not support is not measured, and not faked.
  const obstacle = obstacleTo(drill, environment);
  if (obstacle !== undefined) return record('not-measured', obstacle);

  // 2. A trial in an unhealthy environment would observe the faults of the previous one.
  const missing = await missingBefore(request);
  if (missing !== undefined) return record('not-measured', missing);

  // 3. A trial ends on the drill's bound, on Ctrl-C, or when a history cannot be written.
  const bound = boundOf(request);
  const historyPath = (writer: string) => {
    const file = `trials/${drill.id}-${trial}/${writer}.jsonl`;
    files.push(file);
    return join(request.dir, file);
  };
  const recorder = openRecorder(historyPath('events'), (error) => bound.abort(error));
  try {
    // 4. The load and the faults, with the machine watched.
    await watched(request, historyPath('machine'), (machine) =>
      act(request, { recorder, machine, signal: bound.signal, historyPath }),
    );
    // 5. Close the history: events that could not be written were not measured.
    await recorder.close();
    const completed = record('completed');
    for (const line of writeGapLines(request, completed)) request.progress?.(line);
    return completed;
  } catch (error) {
    const cause: unknown = bound.signal.aborted ? bound.signal.reason : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return record(cause instanceof TrialBound ? 'not-measured' : 'failed', reason);
  } finally {
    bound.release();
    await recorder.close().catch(() => undefined);
  }
}

/** Why the environment is not ready for a trial, or undefined. A single node has no parts that could be split. */
async function missingBefore({ environment, signal }: TrialRequest): Promise<string | undefined> {
  if (environment.topology.environment.topology.kind === 'single' || signal?.aborted) return undefined;
  try {
    const missing = await missingAfter(environment, { signal, boundMs: WHOLE_BOUND_MS });
    return missing && `not whole ${WHOLE_BOUND_MS} ms after it was to begin: ${missing}`;
  } catch (error) {
    if (signal?.aborted) return 'interrupted';
    throw error;
  }
}

/** Runs the drill's workload, with samplers around it. */
async function act(
  request: TrialRequest,
  own: Pick<TrialContext, 'recorder' | 'machine' | 'signal' | 'historyPath'>,
): Promise<void> {
  const { drill, trial, clock, profile, environment } = request;
  const workload = workloadByName(drill.workload.name);
  const context: TrialContext = {
    ...request,
    ...own,
    progress: request.progress ?? (() => undefined),
    parameters: resolveParameters(
      workload.name,
      workload.defaults,
      drill.workload.parameters,
      profile,
      environment.substrate,
    ),
    tag: `${drill.id}-${trial}-${(clock.originNs % 36n ** 5n).toString(36)}`,
  };
  const samplers = await startSamplers(context);
  try {
    if (workload.kind === 'scripted') await runScript(context, workload);
    else await runLoad(context, workload);
  } finally {
    await samplers.stop();
  }
}

/** Runs a function with the machine watched. */
async function watched(
  { machine, environment, clock }: TrialRequest,
  historyPath: string,
  call: (machine: WatchedTrial) => Promise<void>,
): Promise<void> {
  const watch = machine ?? openMachineWatch();
  try {
    const trial = await watch.begin(environment, clock, historyPath);
    try {
      await call(trial);
    } finally {
      await trial.stop();
    }
  } finally {
    if (machine === undefined) await watch[Symbol.asyncDispose]();
  }
}

/** One signal for all reasons that end a trial early. */
function boundOf({ drill, signal: asked }: TrialRequest) {
  const controller = new AbortController();
  const abort = (reason: Error) => controller.abort(reason);
  const late = () => abort(new TrialBound(`took longer than the drill's bound of ${drill.boundMs} ms`));
  const interrupted = () => abort(new TrialBound('interrupted'));
  const timer = setTimeout(late, drill.boundMs);
  asked?.addEventListener('abort', interrupted, { once: true });
  if (asked?.aborted) interrupted();
  const release = () => {
    clearTimeout(timer);
    asked?.removeEventListener('abort', interrupted);
  };
  return { signal: controller.signal, abort, release };
}

/** Why the drill cannot run in this environment, or undefined. */
function obstacleTo(drill: Drill, { topology, capabilities, substrate }: Environment): string | undefined {
  if (substrate === 'attached' && drill.attached === undefined) return notOnTheirs(drill);
  const { kind } = topology.environment.topology;
  if (!drill.topologies.includes(kind)) {
    return `needs a topology of ${drill.topologies.join(' or ')}; this environment is ${kind}`;
  }
  const missing = drill.needs.filter((capability) => capabilities[capability] === undefined);
  return missing.length === 0 ? undefined : `the ${substrate} substrate cannot ${missing.join(', ')}`;
}

/** Why a drill does not run on an attached Redis. */
function notOnTheirs({ faults, family }: Drill): string {
  const names = [...new Set(faults.map(({ fault }) => fault))];
  const why =
    names.length > 0
      ? `it injects ${names.join(', ')}`
      : family === 'load'
        ? 'its load is more than a stranger may put there'
        : 'it asks every node what only its owner may ask';
  return `not run on somebody else's Redis: ${why}`;
}
