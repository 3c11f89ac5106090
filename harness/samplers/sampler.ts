import type { Environment } from '../../infra/substrates/environment.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';

/** A sampler only records: a node that does not answer leaves a gap in the samples but does not cause an error. */
export interface Sampler {
  /** Takes the last sample and releases its resources. */
  stop(): Promise<void>;
}

export interface SamplerContext {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly recorder: Recorder;
}

export const SAMPLE_EVERY_MS = 1_000;
