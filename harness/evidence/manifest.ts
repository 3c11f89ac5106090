/**
 * The run folder and its manifest.
 *
 *   runs/<id>/
 *     manifest.json     the run: all data needed for judging that is not in a history
 *     config.json       the environment as resolved, secrets redacted
 *     gates.json        the gates of the run
 *     drills.json       the drills of the run
 *     inputs/…          files passed to the run, such as a coverage summary
 *     trials/<drill>-<trial>/{events,<client>}.jsonl     histories, one file per writer
 *     logs/…            node logs, external programs
 *     seal.json         SHA-256 of every file above; written last, atomically: a folder without it is not evidence
 *     report.json …     derived: recomputed by `kit analyze`, compared by `kit verify`
 */
import {
  MAX_CLIENTS,
  MAX_NAME_CHARACTERS,
  MAX_ROUNDS,
  MAX_TEXT_CHARACTERS,
  MAX_TIME_US,
  MAX_TRIAL_FILES,
  MAX_TRIALS,
} from './limits.ts';
import type { Shape } from './shape.ts';

export interface TrialRecord {
  readonly drill: string;
  readonly trial: number;
  /**
   * Round in which the trial ran; absent for round 1. Later rounds repeat trials in which the machine was too busy for
   * a valid measurement.
   */
  readonly round?: number;
  /** `completed`, or the reason why the trial cannot be judged. */
  readonly status: 'completed' | 'not-measured' | 'failed';
  /** Description of the reason why the trial cannot be judged. */
  readonly reason?: string;
  /**
   * Requirement of the fault that this machine does not meet; if this is set, a readiness run does not require the
   * drill.
   */
  readonly lacks?: string;
  readonly seed: number;
  readonly clients: readonly string[];
  /** Files of this trial, relative to the run folder. */
  readonly files: readonly string[];
  readonly startedUs: number;
  readonly endedUs: number;
}

/**
 * Kind of the request. `readiness` requests every drill, so a drill that did not run is a gap; `drill` and `load`
 * request some drills, and the gates of all other drills are out of scope.
 */
export type RunKind = 'readiness' | 'drill' | 'load' | 'capacity' | 'canary' | 'rehearsal';

export interface Digests {
  /** Digest of the manifest as canonical JSON, without this value. */
  readonly manifest: string;
  /** Digests of every judged file, by path. */
  readonly files: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly schema: 'redis-cache-kit/run/2';
  readonly runId: string;
  readonly kind: RunKind;
  readonly kitVersion: string;
  /** Commit of the kit's checkout; null outside a checkout. */
  readonly commit: string | null;
  readonly startedAt: string;
  /** Time used for judging, for example for the expiry of waivers. Never the wall clock of a later analysis. */
  readonly judgedAt: string;
  readonly environment: string;
  readonly substrate: string;
  readonly profile: 'quick' | 'full';
  readonly seed: number;
  /** The command line; it never contains secrets. */
  readonly argv: readonly string[];
  readonly configSha256: string;
  /** Versions of redis-server and Node.js, and the probed features of the server. */
  readonly provenance: Readonly<Record<string, string>>;
  readonly deviations: readonly string[];
  /** Extension modules of the run. */
  readonly extensions?: readonly { readonly name: string; readonly path: string; readonly sha256: string }[];
  readonly machine: {
    readonly kernel: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  /** Digests of every judged file and of the manifest itself; written when the run is sealed. */
  readonly digests?: Digests;
  /** Every requested drill, including drills that were not run. */
  readonly trials: readonly TrialRecord[];
  /** Set when the run did not complete: such a run is never a GO. */
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

const NAME: Shape = {
  pattern: new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${MAX_NAME_CHARACTERS - 1}}$`),
  what: `a name of 1 to ${MAX_NAME_CHARACTERS} letters, digits, dots, dashes and underscores`,
};
const TEXT: Shape = { text: MAX_TEXT_CHARACTERS };
const SHA256: Shape = { pattern: /^[0-9a-f]{64}$/, what: 'a SHA-256 in hexadecimal' };
const INSTANT: Shape = {
  pattern: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/,
  what: 'a time such as 2030-01-31T12:00:00.000Z',
};
const TIME_US: Shape = { integer: [0, MAX_TIME_US] };
const COUNT: Shape = { integer: [0, Number.MAX_SAFE_INTEGER] };

/**
 * Path of a file within the run folder: relative, with `/` between its parts, none of which is empty, `.` or `..`. Any
 * other path does not name a regular file in the folder.
 */
export const FILE_PATH: Shape = {
  pattern: /^(?!\.{1,2}(?:\/|$))[^/\0]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[^/\0]{1,255}){0,31}$/,
  what: 'the name of a regular file within the run folder',
};

const TEXTS: Shape = { listOf: TEXT, maxItems: 1_000 };

/** Fields of both schemas: everything that the judge and the reports read. */
const COMMON_FIELDS = {
  runId: NAME,
  kind: { oneOf: KINDS },
  kitVersion: TEXT,
  commit: { nullable: TEXT },
  startedAt: INSTANT,
  judgedAt: INSTANT,
  environment: NAME,
  substrate: NAME,
  profile: { oneOf: ['quick', 'full'] },
  seed: { integer: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] },
  argv: { listOf: TEXT, maxItems: 1_000 },
  configSha256: SHA256,
  provenance: { mapOf: TEXT },
  machine: { fields: { kernel: TEXT, cpu: TEXT, cores: COUNT, memoryBytes: COUNT } },
  trials: {
    listOf: {
      fields: {
        drill: NAME,
        trial: { integer: [1, MAX_TRIALS] },
        round: { optional: { integer: [1, MAX_ROUNDS] } },
        status: { oneOf: STATUSES },
        reason: { optional: TEXT },
        lacks: { optional: TEXT },
        seed: { integer: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] },
        clients: { listOf: NAME, maxItems: MAX_CLIENTS },
        files: { listOf: FILE_PATH, maxItems: MAX_TRIAL_FILES },
        startedUs: TIME_US,
        endedUs: TIME_US,
      },
    },
    maxItems: MAX_TRIALS,
  },
  extensions: {
    optional: { listOf: { fields: { name: NAME, path: TEXT, sha256: SHA256 } }, maxItems: 100 },
  },
  digests: { optional: { fields: { manifest: SHA256, files: { mapOf: SHA256 } } } },
  incomplete: { optional: TEXT },
} as const satisfies Readonly<Record<string, Shape>>;

/** A manifest in the required shape. */
export const MANIFEST_SHAPE: Shape = {
  fields: { schema: { oneOf: ['redis-cache-kit/run/2'] }, deviations: TEXTS, ...COMMON_FIELDS },
};

/** A manifest of schema 1, see `former-schema.ts`. */
export const FORMER_MANIFEST_SHAPE: Shape = {
  fields: { schema: { oneOf: ['redis-cache-kit/run/1'] }, departures: TEXTS, ...COMMON_FIELDS },
};

export interface Seal {
  readonly schema: 'redis-cache-kit/seal/1';
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
}

export const SEAL_SHAPE: Shape = {
  fields: {
    schema: { oneOf: ['redis-cache-kit/seal/1'] },
    files: { listOf: { fields: { path: FILE_PATH, sha256: SHA256, bytes: COUNT } } },
  },
};
