/** Decides whether a gate applies to a run. A gate that does not apply is listed with the reason, but not judged. */
import type { Gate } from '../../config/gates.ts';
import type { PromiseName } from '../../config/schema.ts';
import type { Manifest } from '../evidence/manifest.ts';

export interface RunScope {
  readonly kind: Manifest['kind'];
  readonly environment: string;
  readonly substrate: string;
  readonly profile: Manifest['profile'];
  readonly topology: 'single' | 'sentinel' | 'cluster';
  /** Promises of the environment; all promises if its configuration is missing from the evidence. */
  readonly promises: ReadonlySet<PromiseName>;
  /** Value of `sentinel.fast`: whether the environment accepts needless failovers. */
  readonly fastDetection: boolean;
  /** Whether the environment has a watchdog: sentinels, and `sentinel.watchdog`. */
  readonly hasWatchdog: boolean;
  /** Sealed inputs of the run, by name, including those that no longer exist. */
  readonly inputs: ReadonlySet<string>;
  /** Requested drills, including those that were not run. */
  readonly asked: ReadonlySet<string>;
  /** Drills without a trial in the quick profile (`fullOnly` in gates.yaml). */
  readonly fullOnly: ReadonlySet<string>;
  /** Drills whose fault this machine cannot cause, with the reason. */
  readonly unsupported: ReadonlyMap<string, string>;
}

/** Drills that are judged without a trial, in every run. */
const WITHOUT_TRIAL = new Set(['configuration', 'coverage']);

/** Kinds of runs that, like a readiness run, must have a result for every gate of their kind. */
const WHOLE_KINDS: ReadonlySet<RunScope['kind']> = new Set(['capacity', 'canary', 'rehearsal']);

/** Returns the reason why the gate is out of scope; undefined if it is in scope. */
export function outOfScope(gate: Gate, run: RunScope): string | undefined {
  const { scope } = gate;
  const unpromised = (scope.promises ?? []).filter((name) => !run.promises.has(name));
  const reasons: readonly (string | false)[] = [
    !scope.runs.includes(run.kind) &&
      `applies to ${scope.runs.join(' and ')} runs; this is a ${run.kind} run`,
    outsideSetting(scope.environments, run.environment) &&
      `applies to ${joinNames(scope.environments)}; this is ${run.environment}`,
    outsideSetting(scope.substrates, run.substrate) &&
      `applies on ${joinNames(scope.substrates)}; this is ${run.substrate}`,
    outsideSetting(scope.profiles, run.profile) &&
      `applies to profile ${joinNames(scope.profiles)}; this is ${run.profile}`,
    outsideSetting(scope.topologies, run.topology) &&
      `applies to topology ${joinNames(scope.topologies)}; this is ${run.topology}`,
    unpromised.length > 0 &&
      `applies where ${unpromised.join(' and ')} is promised; this environment does not promise it (${unpromised.map(settingOf).join(', ')})`,
    scope.fastDetection === false &&
      run.fastDetection &&
      'applies without sentinel.fast; this environment accepts needless failovers for a faster detection',
    scope.watchdog === true &&
      !run.hasWatchdog &&
      'applies to an environment with a watchdog; this one has none (sentinel.watchdog)',
    scope.input !== undefined &&
      run.profile === 'quick' &&
      !run.inputs.has(scope.input) &&
      `the run has no ${scope.input} summary (--${scope.input} FILE); profile full always requires it`,
    !gate.workload.some((drill) => isAsked(drill, run)) && whyNotAsked(gate, run),
  ];
  return reasons.find((reason) => reason !== false) || undefined;
}

/** Whether the gate is out of scope only because this machine cannot cause the fault of its drills. */
export function cannotRun(gate: Gate, run: RunScope): boolean {
  return (
    outOfScope(gate, run) !== undefined && outOfScope(gate, { ...run, unsupported: new Map() }) === undefined
  );
}

function whyNotAsked({ workload }: Gate, run: RunScope): string {
  const unsupported = workload.map((drill) => run.unsupported.get(drill)).find((why) => why !== undefined);
  if (unsupported !== undefined) return unsupported;
  return run.kind === 'readiness'
    ? `its drills run in profile full and by name (kit drill ${workload.join(' ')}); this is profile ${run.profile}`
    : 'none of its drills was requested in this run';
}

/**
 * Whether the run must have a result for the drill. `readiness` must have results for all drills of its profile, even
 * if its manifest does not list them, except for those that this machine cannot run.
 */
export function isAsked(drill: string, run: RunScope): boolean {
  // A few drills on an external Redis do not prove anything about its configuration, which is unknown.
  const always = WITHOUT_TRIAL.has(drill) && run.substrate !== 'external';
  if (!WHOLE_KINDS.has(run.kind) && run.kind !== 'readiness') return always || run.asked.has(drill);
  if (run.unsupported.has(drill)) return false;
  if (WHOLE_KINDS.has(run.kind)) return true;
  return run.profile === 'full' || !run.fullOnly.has(drill);
}

/**
 * Returns the minimum n for this run: for a gate over several drills, a run that requested only some of the drills
 * needs only their share.
 */
export function smallestN(gate: Gate, run: RunScope): number {
  const asked = gate.workload.filter((drill) => isAsked(drill, run)).length;
  return Math.ceil((gate.minN[run.profile] * asked) / gate.workload.length);
}

/** Returns the setting that controls a promise. */
function settingOf(name: PromiseName): string {
  return name === 'durability' ? 'durability.durableWrites' : `promises.${name}`;
}

function outsideSetting(some: 'all' | readonly string[], name: string): boolean {
  return some !== 'all' && !some.includes(name);
}

function joinNames(some: 'all' | readonly string[]): string {
  return some === 'all' ? 'all' : some.join(', ');
}
