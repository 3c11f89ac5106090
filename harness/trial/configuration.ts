/**
 * The trial that spans a run: reads the nodes' configuration before the first of the other trials, after each of them,
 * and at the end. Every run has this trial, regardless of the requested drills; in `kit drill configuration` it is the
 * only one.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment, WatchdogStatus } from '../../infra/substrates/environment.ts';
import { configuration } from '../drills/configuration.ts';
import type { TrialRecord } from '../evidence/manifest.ts';
import type { Clock } from '../history/clock.ts';
import { openRecorder } from '../history/recorder.ts';
import { openNodeFacts } from '../samplers/node-facts/index.ts';
import { equals } from '../workloads/scripted/script.ts';
import { HEALTHY_BEFORE_MS, healthProblemAfter } from './health.ts';

export interface ConfigurationTrialRequest {
  readonly environment: Environment;
  /** Path of the run folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** State of the watchdog before the environment was applied. */
  readonly watchdogBefore?: WatchdogStatus | undefined;
}

export interface ConfigurationTrial {
  /** Reads the nodes between two trials. */
  probeBetween(): Promise<void>;
  /** Reads the nodes for the last time and closes the history. */
  end(): Promise<TrialRecord>;
}

/** Reads the nodes for the first time. */
export async function openConfigurationTrial(
  request: ConfigurationTrialRequest,
): Promise<ConfigurationTrial> {
  const { environment, dir, clock, seed, signal, watchdogBefore } = request;
  const startedUs = clock.nowUs();
  const file = `trials/${configuration.id}-1/events.jsonl`;
  const recorder = openRecorder(join(dir, file));
  const trialRecord = (status: TrialRecord['status'], reason?: string): TrialRecord => ({
    drill: configuration.id,
    trial: 1,
    status,
    ...(reason !== undefined && { reason }),
    seed,
    clients: configuration.clients,
    files: existsSync(join(dir, file)) ? [file] : [],
    startedUs,
    endedUs: clock.nowUs(),
  });
  const facts = await openNodeFacts({ environment, clock, recorder, watchdogBefore });
  const probeAll = async (when: 'start' | 'end') => {
    const silent = await facts.probe(when);
    recorder.record({
      type: 'expect',
      id: `answered-at-${when}`,
      what: `every node answers at the ${when} of the run`,
      ...equals([], silent),
      atUs: clock.nowUs(),
    });
  };
  await probeAll('start');
  return {
    probeBetween: async () => void (await facts.probe('between')),
    async end() {
      try {
        // After the last fault, the sentinels may still be reconfiguring the nodes, so the nodes' state at that time
        // does not reflect their configuration.
        if (environment.topology.environment.topology.kind !== 'single') {
          // A topology that is still unhealthy is recorded and judged as it is.
          await healthProblemAfter(environment, { boundMs: HEALTHY_BEFORE_MS, signal });
        }
        await probeAll('end');
        await recorder.close();
        return trialRecord('completed');
      } catch (error) {
        await recorder.close().catch(() => undefined);
        return trialRecord('failed', error instanceof Error ? error.message : String(error));
      }
    },
  };
}
