/**
 * Runs one trial of a drill, from a healthy environment to a healthy one. `runTrial` is the table of contents.
 *
 * This module acts and records, but does not judge. On every path (an error, the drill's time limit, Ctrl-C) every
 * fault is healed, every generator ended and every history closed, and the record gives the reason if there is nothing
 * to judge.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Capabilities, Environment } from '../../infra/substrates/environment.ts';
import type { Drill } from '../drills/drill.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import { findWorkload } from '../extension/registered.ts';
import { openRecorder } from '../history/recorder.ts';
import { startSamplers } from '../samplers/index.ts';
import { findFakeTime } from '../workloads/calls/stepped-clock.ts';
import { resolveParameters } from '../workloads/parameters.ts';
import { missingAlertPrograms } from './alert-watch.ts';
import type { TrialContext, TrialRequest } from './context.ts';
import { HEALTHY_BEFORE_MS, healthProblemAfter } from './health.ts';
import { runLoad } from './load.ts';
import { runScript } from './script.ts';
import { writeGapLines } from './write-gaps.ts';

/** Ends a trial at its time limit or on an interrupt. Such a trial is recorded as not measured, not as failed. */
class TrialBound extends Error {}

export async function runTrial(request: TrialRequest): Promise<TrialRecord> {
  const { drill, trial, environment, clock, seed } = request;
  const startedUs = clock.nowUs();
  const files: string[] = [];
  const trialRecord = (status: TrialRecord['status'], reason?: string): TrialRecord => ({
    drill: drill.id,
    trial,
    status,
    ...(reason !== undefined && { reason }),
    seed,
    clients: drill.clients,
    // A history that could not be opened is not a file of the trial.
    files: files.filter((file) => existsSync(join(request.dir, file))),
    startedUs,
    endedUs: clock.nowUs(),
  });

  // 1. A drill that this environment does not support is not measured.
  const obstacle = obstacleTo(drill, environment);
  if (obstacle !== undefined) {
    return {
      ...trialRecord('not-measured', obstacle.reason),
      ...(obstacle.lacks !== undefined && { lacks: obstacle.lacks }),
    };
  }

  // 2. A trial in an unhealthy environment would observe the effects of the previous trial's faults.
  const problem = await problemBefore(request);
  if (problem !== undefined) return trialRecord('not-measured', problem);

  // 3. A trial ends at the drill's time limit, on Ctrl-C, or when a history cannot be written.
  const bound = openTimeLimit(request);
  const historyPath = (writer: string) => {
    const file = `trials/${drill.id}-${trial}/${writer}.jsonl`;
    files.push(file);
    return join(request.dir, file);
  };
  const recorder = openRecorder(historyPath('events'), (error) => bound.abort(error));
  try {
    // 4. The workload and the faults, with machine and nodes sampled.
    await runWorkload(request, { recorder, signal: bound.signal, historyPath });
    // 5. Close the history: events that could not be written were not measured.
    await recorder.close();
    const completed = trialRecord('completed');
    for (const line of writeGapLines(request, completed)) request.progress?.(line);
    return completed;
  } catch (error) {
    const cause: unknown = bound.signal.aborted ? bound.signal.reason : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return trialRecord(cause instanceof TrialBound ? 'not-measured' : 'failed', reason);
  } finally {
    bound.release();
    await recorder.close().catch(() => undefined);
  }
}

/**
 * Returns the reason why the environment is not ready for a trial; undefined if it is. A single node has no parts that
 * could disagree.
 */
async function problemBefore({ environment, signal }: TrialRequest): Promise<string | undefined> {
  if (environment.topology.environment.topology.kind === 'single' || signal?.aborted) return undefined;
  try {
    const problem = await healthProblemAfter(environment, { signal, boundMs: HEALTHY_BEFORE_MS });
    return (
      problem && `environment not healthy within ${HEALTHY_BEFORE_MS / 1_000} s before the trial: ${problem}`
    );
  } catch (error) {
    if (signal?.aborted) return 'interrupted';
    throw error;
  }
}

/** Runs the drill's workload; machine and nodes are sampled until it has ended. */
async function runWorkload(
  request: TrialRequest,
  own: Pick<TrialContext, 'recorder' | 'signal' | 'historyPath'>,
): Promise<void> {
  const { drill, trial, clock, profile, environment } = request;
  const workload = findWorkload(drill.workload.name);
  const given = drill.workload.parameters;
  const machine = await request.machine.begin(environment, clock, own.historyPath('machine'));
  try {
    const context: TrialContext = {
      ...request,
      ...own,
      machine,
      progress: request.progress ?? (() => undefined),
      parameters: resolveParameters(workload.name, workload.defaults, given, profile, environment.substrate),
      tag: `${drill.id}-${trial}-${(clock.originNs % 36n ** 5n).toString(36)}`,
    };
    const samplers = await startSamplers(context);
    try {
      if (workload.kind === 'scripted') await runScript(context, workload);
      else await runLoad(context, workload);
    } finally {
      await samplers.stop();
    }
  } finally {
    await machine.stop();
  }
}

/** Returns one signal for all reasons that end a trial early. */
function openTimeLimit({ drill, signal: asked }: TrialRequest) {
  const controller = new AbortController();
  const abort = (reason: Error) => controller.abort(reason);
  const onTimeLimit = () =>
    abort(new TrialBound(`timed out after ${drill.boundMs} ms, the time limit of the drill`));
  const onInterrupt = () => abort(new TrialBound('interrupted'));
  const timer = setTimeout(onTimeLimit, drill.boundMs);
  asked?.addEventListener('abort', onInterrupt, { once: true });
  if (asked?.aborted) onInterrupt();
  const release = () => {
    clearTimeout(timer);
    asked?.removeEventListener('abort', onInterrupt);
  };
  return { signal: controller.signal, abort, release };
}

type Obstacle = Pick<TrialRecord, 'lacks'> & { readonly reason: string };

/** Returns the reason why the drill cannot run in this environment; undefined if it can. */
function obstacleTo(drill: Drill, { topology, capabilities, substrate }: Environment): Obstacle | undefined {
  if (substrate === 'external' && drill.external === undefined) {
    return { reason: reasonNotOnForeignServer(drill) };
  }
  const { kind } = topology.environment.topology;
  if (!drill.topologies.includes(kind)) {
    return { reason: `requires the topology ${drill.topologies.join(' or ')}; this environment is ${kind}` };
  }
  if (drill.needsProgram === 'prometheus') {
    // Not `lacks`: the criterion of a rehearsal is then not measured, rather than out of scope.
    const reason = missingAlertPrograms();
    if (reason !== undefined) return { reason };
  }
  if (drill.needsProgram === 'libfaketime' && findFakeTime() === undefined) {
    const lacks = 'libfaketime (package faketime)';
    return { reason: `this machine cannot step the clock of a process: this requires ${lacks}`, lacks };
  }
  const missing = drill.needs.filter((capability) => capabilities[capability] === undefined);
  if (missing.length === 0) return undefined;
  const reason = `the ${substrate} substrate cannot ${missing.join(', ')}`;
  if (substrate !== 'local' || !missing.every((capability) => capability in REQUIRED_LOCALLY))
    return { reason };
  const lacks = missing.map((capability) => REQUIRED_LOCALLY[capability]).join('; ');
  return { reason: `${reason} on this machine: this requires ${lacks}`, lacks };
}

/** Capabilities of local processes that depend on the machine. */
const REQUIRED_LOCALLY: Partial<Record<keyof Capabilities, string>> = {
  dataFolder: 'root, which is required to mount a volume',
  partition: 'Linux, root (CAP_NET_ADMIN) and nft (package nftables)',
};

/** Returns the reason why a drill cannot run on an external Redis. */
function reasonNotOnForeignServer({ faults, family }: Drill): string {
  const names = [...new Set(faults.map(({ fault }) => fault))];
  const why =
    names.length > 0
      ? `it injects ${names.join(', ')}`
      : family === 'load' || family === 'capacity'
        ? 'its load is too high for a server that the kit does not run'
        : 'it sends commands that are reserved for the owner of the server';
  return `not run on an external Redis: ${why}`;
}
