/**
 * Errors and exit codes of the kit.
 *
 * Every error that a user can cause or fix is a KitError: a code for programs, the problem, the location (file and
 * path) and the remedy. Any other error that reaches the top level is a defect of the kit, and its stack is printed.
 */

/** Exit codes of the `kit` command. The README prints this table. */
export const EXIT = {
  /** The command succeeded; the verdict of a judged run is go. */
  GO: 0,
  /** A criterion failed: no-go. */
  NO_GO: 1,
  /** The command line or a configuration file is wrong. */
  USAGE: 2,
  /** No-go because the result is unknown: something in scope could not be measured. */
  UNKNOWN: 3,
  /** Ended by Ctrl-C (128 + SIGINT); everything that the command started has ended. */
  INTERRUPTED: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface KitErrorOptions {
  /** Stable, for programs: `CONFIG_INVALID`, `REDIS_TOO_OLD`, … */
  readonly code: string;
  /** Remedy in one sentence, with a command if there is one. */
  readonly hint?: string;
  /** Location: `config/dev.yaml:12: sentinel.quorum`, a directory, an address. */
  readonly where?: string;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/** Error with all the information that a person or a pipeline needs: problem, location, remedy, exit code. */
export class KitError extends Error {
  override readonly name = 'KitError';
  readonly code: string;
  readonly hint: string | undefined;
  readonly where: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, options: KitErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.hint = options.hint;
    this.where = options.where;
    this.exitCode = options.exitCode ?? EXIT.USAGE;
  }
}
