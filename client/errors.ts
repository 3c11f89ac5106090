/**
 * What can go wrong, by cause. Every error that the client throws is a `CacheError`; `outcome` says what became of the
 * command, which is the question that decides whether repeating it is safe.
 */

/** `unknown`: the command was sent and not answered, so it may have been applied, or may still be. */
export type Outcome = 'applied' | 'not-applied' | 'unknown';

interface CacheErrorOptions {
  readonly code: string;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly cause?: unknown;
}

export class CacheError extends Error {
  override readonly name: string = 'CacheError';
  /** Stable, for programs: `NOT_SENT`, `OUTCOME_UNKNOWN`, or Redis's own first word (`WRONGTYPE`). */
  readonly code: string;
  /** Repeating the same call is safe and may succeed. */
  readonly retryable: boolean;
  readonly outcome: Outcome;

  constructor(message: string, options: CacheErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable;
    this.outcome = options.outcome;
  }
}

/** An option, variable or argument is wrong; the message quotes it and says what is allowed. */
export class ConfigurationError extends CacheError {
  override readonly name = 'ConfigurationError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'CONFIGURATION', retryable: false, outcome: 'not-applied', cause });
  }
}

/** The value cannot be stored so that it reads back the same. */
export class SerializationError extends CacheError {
  override readonly name = 'SerializationError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'SERIALIZATION', retryable: false, outcome: 'not-applied', cause });
  }
}

/** No master took the command within its deadline: certainly not applied. */
export class NotSentError extends CacheError {
  override readonly name = 'NotSentError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'NOT_SENT', retryable: true, outcome: 'not-applied', cause });
  }
}

/** A read that was not answered within its deadline. Reads change nothing. */
export class TimeoutError extends CacheError {
  override readonly name = 'TimeoutError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'TIMEOUT', retryable: true, outcome: 'not-applied', cause });
  }
}

/** A write that was sent and not answered by a node that is still master. Never repeated by the client. */
export class OutcomeUnknownError extends CacheError {
  override readonly name = 'OutcomeUnknownError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'OUTCOME_UNKNOWN', retryable: false, outcome: 'unknown', cause });
  }
}

/** Error replies after which the same command may succeed, although nothing about it is changed. */
const PASSING = new Set([
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'NOREPLICAS',
  'BUSY',
  'TRYAGAIN',
  'OOM',
  'MISCONF',
]);

/** Redis answered with an error; `code` is its first word. */
export class CommandError extends CacheError {
  override readonly name = 'CommandError';

  constructor(message: string, cause?: unknown) {
    const code = /^-?([A-Z][A-Z0-9_]*)\b/.exec(message)?.[1] ?? 'ERR';
    super(message, { code, retryable: PASSING.has(code), outcome: 'not-applied', cause });
  }
}

/** Fewer replicas than asked confirmed a write in time: the master has it, whether it survives a failover is unknown. */
export class DurabilityError extends CacheError {
  override readonly name = 'DurabilityError';
  readonly required: number;
  readonly confirmed: number;

  constructor(required: number, confirmed: number, timeoutMs: number) {
    super(`${confirmed} of ${required} replicas confirmed the write within ${timeoutMs} ms`, {
      code: 'DURABILITY',
      retryable: false,
      outcome: 'applied',
    });
    this.required = required;
    this.confirmed = confirmed;
  }
}

/** The cache or connection was closed. */
export class ClosedError extends CacheError {
  override readonly name = 'ClosedError';

  constructor(what = 'The connection is closed') {
    super(what, { code: 'CLOSED', retryable: false, outcome: 'not-applied' });
  }
}

/** True for failures of the way to Redis (no answer, no connection), false for what Redis or the caller decided. */
export function isConnectivityError(error: unknown): boolean {
  return (
    error instanceof NotSentError ||
    error instanceof TimeoutError ||
    error instanceof OutcomeUnknownError ||
    (error instanceof CommandError && (error.code === 'LOADING' || error.code === 'READONLY'))
  );
}
