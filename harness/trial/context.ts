/** Types of one trial: the request, and the context that its parts share. */
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Drill } from '../drills/drill.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import type { MachineWatch, WatchedTrial } from '../samplers/machine/index.ts';

export interface TrialRequest {
  readonly drill: Drill;
  readonly trial: number;
  readonly environment: Environment;
  /** Path of the run folder. */
  readonly dir: string;
  readonly seed: number;
  readonly clock: Clock;
  readonly profile: 'quick' | 'full';
  /** The machine sampler of the run. */
  readonly machine: MachineWatch;
  /** URL of the module that replaces the kit's client; absent for the kit's own client. */
  readonly clientModule?: string | undefined;
  /** The kit's state directory, for programs that it installed; if absent, a temporary folder is used. */
  readonly stateDir?: string | undefined;
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
}

/** Context that every part of a trial works with. */
export interface TrialContext
  extends Required<Omit<TrialRequest, 'signal' | 'machine' | 'clientModule' | 'stateDir'>>,
    Pick<TrialRequest, 'clientModule' | 'stateDir'> {
  readonly recorder: Recorder;
  readonly machine: WatchedTrial;
  /** Aborts on Ctrl-C, at the drill's time limit, and when a history cannot be written. */
  readonly signal: AbortSignal;
  readonly parameters: Readonly<Record<string, number>>;
  /** Tag that is unique to this trial and part of every key. */
  readonly tag: string;
  /**
   * Returns the path of a history file for this trial. The trial's record lists every file whose path was requested.
   */
  historyPath(writer: string): string;
}
