/**
 * The one place for what can go wrong and how the process ends.
 *
 * Every error that a user can cause or mend is a KitError: a code for programs, what was wrong, where (file and path),
 * and what to do. Anything else that reaches the top is a defect of the kit and prints its stack.
 */

/** Exit codes of the `kit` command. The README prints this table. */
export const EXIT = {
  /** The command did what it was asked; a judged run is a go. */
  GO: 0,
  /** A criterion failed: no-go. */
  NO_GO: 1,
  /** The command line or a configuration file is wrong. */
  USAGE: 2,
  /** No-go because not known: something in scope could not be measured. */
  UNKNOWN: 3,
  /** Ended by Ctrl-C (128 + SIGINT); everything that was started is ended. */
  INTERRUPTED: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface KitErrorOptions {
  /** Stable, for programs: `CONFIG_INVALID`, `REDIS_TOO_OLD`, … */
  readonly code: string;
  /** What to do about it: one sentence, a command where there is one. */
  readonly hint?: string;
  /** Where: `config/dev.yaml:12: sentinel.quorum`, a directory, an address. */
  readonly where?: string;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/** An error with everything that a person or a pipeline needs: what, where, what to do, exit code. */
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
