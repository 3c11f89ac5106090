/**
 * The run folder and its manifest.
 *
 *   runs/<id>/
 *     manifest.json     what ran: everything that judging needs and that no history shows
 *     config.json       the environment as resolved, secrets redacted
 *     gates.json        the gates as they were
 *     drills.json       the drills as they were defined
 *     inputs/…          files that the run was given, such as a coverage summary
 *     trials/<drill>-<trial>/{events,<client>}.jsonl     histories, one file a writer
 *     logs/…            node logs, outside programs
 *     seal.json         SHA-256 of every file above; written last, atomically: a folder without it is not evidence
 *     report.json …     derived: recomputed by `kit analyze`, compared by `kit verify`
 */
import type { Shape } from './shape.ts';

export interface TrialRecord {
  readonly drill: string;
  readonly trial: number;
  /** `completed`; or why there is nothing to judge. */
  readonly status: 'completed' | 'not-measured' | 'failed';
  /** Why not, in words. */
  readonly reason?: string;
  readonly seed: number;
  readonly clients: readonly string[];
  /** Files of this trial, relative to the run folder. */
  readonly files: readonly string[];
  readonly startedUs: number;
  readonly endedUs: number;
}

/**
 * What was asked for. `readiness` asks every drill, so that one which did not run is a gap; `drill` and `load` ask some, and
 * gates of the others are out of scope.
 */
export type RunKind = 'readiness' | 'drill' | 'load' | 'capacity' | 'canary' | 'rehearsal';

export interface Manifest {
  readonly schema: 'redis-cache-kit/run/1';
  readonly runId: string;
  readonly kind: RunKind;
  readonly kitVersion: string;
  /** Of the kit's checkout, or null outside one. */
  readonly commit: string | null;
  readonly startedAt: string;
  /** The time that judging uses (waivers expire by it). Never the wall clock of a later analysis. */
  readonly judgedAt: string;
  readonly environment: string;
  readonly substrate: string;
  readonly profile: 'quick' | 'full';
  readonly seed: number;
  /** The command line, secrets never being on it. */
  readonly argv: readonly string[];
  readonly configSha256: string;
  /** redis-server version and probed features, node version. */
  readonly provenance: Readonly<Record<string, string>>;
  readonly departures: readonly string[];
  readonly machine: {
    readonly kernel: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  /** Every drill that was asked for, run or not. */
  readonly trials: readonly TrialRecord[];
  /** Set when the run did not come to its end: such a run is never a GO. */
  readonly incomplete?: string;
}

const KINDS = [
  'readiness',
  'drill',
  'load',
  'capacity',
  'canary',
  'rehearsal',
] as const satisfies readonly RunKind[];
const STATUSES = ['completed', 'not-measured', 'failed'] as const satisfies readonly TrialRecord['status'][];

/** A manifest as it must be read: everything that judging and the reports touch. */
export const MANIFEST_SHAPE: Shape = {
  fields: {
    schema: { oneOf: ['redis-cache-kit/run/1'] },
    runId: 'string',
    kind: { oneOf: KINDS },
    kitVersion: 'string',
    commit: { nullable: 'string' },
    startedAt: 'string',
    judgedAt: 'string',
    environment: 'string',
    substrate: 'string',
    profile: { oneOf: ['quick', 'full'] },
    seed: 'number',
    argv: { listOf: 'string' },
    configSha256: 'string',
    provenance: { mapOf: 'string' },
    departures: { listOf: 'string' },
    machine: { fields: { kernel: 'string', cpu: 'string', cores: 'number', memoryBytes: 'number' } },
    trials: {
      listOf: {
        fields: {
          drill: 'string',
          trial: 'number',
          status: { oneOf: STATUSES },
          reason: { optional: 'string' },
          seed: 'number',
          clients: { listOf: 'string' },
          files: { listOf: 'string' },
          startedUs: 'number',
          endedUs: 'number',
        },
      },
    },
    incomplete: { optional: 'string' },
  },
};

export interface Seal {
  readonly schema: 'redis-cache-kit/seal/1';
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
}

export const SEAL_SHAPE: Shape = {
  fields: {
    schema: { oneOf: ['redis-cache-kit/seal/1'] },
    files: { listOf: { fields: { path: 'string', sha256: 'string', bytes: 'number' } } },
  },
};
