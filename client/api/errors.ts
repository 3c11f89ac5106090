/**
 * Errors by cause. Every error that the client throws is a `CacheError`. Its `outcome` tells whether the command was applied, and so
 * whether it is safe to repeat it.
 */

/** `unknown`: the command was sent and got no reply. It may have been applied, or may still be. */
export type Outcome = 'applied' | 'not-applied' | 'unknown';

/** Properties of a `CacheError`. */
export interface CacheErrorOptions {
  /** Stable code, for use in programs. */
  readonly code: string;
  /** Repeating the same call is safe and may succeed. */
  readonly retryable: boolean;
  /** Whether the command was applied. */
  readonly outcome: Outcome;
  /** Original error. */
  readonly cause?: unknown;
}

/** Base class of all errors of the client. */
export class CacheError extends Error {
  override readonly name: string = 'CacheError';
  /** Stable code, for use in programs: `NOT_SENT`, `OUTCOME_UNKNOWN`, or the first word of an error reply (`WRONGTYPE`). */
  readonly code: string;
  /** Repeating the same call is safe and may succeed. */
  readonly retryable: boolean;
  /** Whether the command was applied. */
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

/** No master took the command within its deadline, or too many are on their way already: certainly not applied. */
export class NotSentError extends CacheError {
  override readonly name: string = 'NotSentError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'NOT_SENT', retryable: true, outcome: 'not-applied', cause });
  }
}

/**
 * A bound of this process refused the command, and not the server: `maxInFlight`, a full or slow local queue. Certainly not
 * applied. It never counts as a failure of Redis.
 */
export class ClientLimitError extends NotSentError {
  override readonly name = 'ClientLimitError';
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
  'CLUSTERDOWN',
  'OOM',
  'MISCONF',
]);

/** Commands that may have written a part before they failed. */
const PARTIAL = new Set(['EVAL', 'EVALSHA', 'FCALL', 'EXEC']);
/** Refused before anything was run, unless it is the script itself that says so. */
const REFUSED = new Set(
  (
    'NOSCRIPT NOPERM NOAUTH READONLY LOADING MASTERDOWN NOREPLICAS BUSY OOM MISCONF EXECABORT ' +
    'MOVED ASK TRYAGAIN CROSSSLOT CLUSTERDOWN'
  ).split(' '),
);
const REFUSED_CALL = /^ERR (unknown command|wrong number of arguments|Function not found|EXEC without MULTI)/;

function outcomeOf(command: string, code: string, message: string): Outcome {
  if (!PARTIAL.has(command.toUpperCase())) return 'not-applied';
  // Redis names the script when a command inside it failed: those before it are done.
  const inside = /\bscript: /.test(message);
  return !inside && (REFUSED.has(code) || REFUSED_CALL.test(message)) ? 'not-applied' : 'unknown';
}

/**
 * Redis answered with an error; `code` is its first word. `outcome` is `not-applied`, or `unknown` for a script or
 * transaction that may have written before it failed.
 */
export class CommandError extends CacheError {
  override readonly name = 'CommandError';

  constructor(message: string, cause?: unknown, command = '') {
    const code = /^-?([A-Z][A-Z0-9_]*)\b/.exec(message)?.[1] ?? 'ERR';
    const outcome = outcomeOf(command, code, message);
    super(message, { code, retryable: PASSING.has(code) && outcome === 'not-applied', outcome, cause });
  }
}

/** Fewer replicas than asked confirmed a write in time: the master has it, whether it survives a failover is unknown. */
export class DurabilityError extends CacheError {
  override readonly name = 'DurabilityError';
  /** Replicas that were asked for. */
  readonly required: number;
  /** Replicas that confirmed in time. */
  readonly confirmed: number;

  /** @param refusal the server's reply to WAIT, where it refuses that */
  constructor(required: number, confirmed: number, timeoutMs: number, refusal?: Error) {
    const reason = refusal ? `: WAIT is refused: ${refusal.message}` : '';
    super(`${confirmed} of ${required} replicas confirmed the write within ${timeoutMs} ms${reason}`, {
      code: 'DURABILITY',
      retryable: false,
      outcome: 'applied',
      cause: refusal,
    });
    this.required = required;
    this.confirmed = confirmed;
  }
}

/** A loader, or another process that loads, took longer than `hardTimeoutMs`. */
export class LoadTimeoutError extends CacheError {
  override readonly name = 'LoadTimeoutError';

  constructor(key: string, hardTimeoutMs: number) {
    super(`${key}: not loaded within ${hardTimeoutMs} ms`, {
      code: 'LOAD_TIMEOUT',
      retryable: true,
      outcome: 'not-applied',
    });
  }
}

/** The cache or connection was closed. */
export class ClosedError extends CacheError {
  override readonly name = 'ClosedError';

  constructor(what = 'The connection is closed') {
    super(what, { code: 'CLOSED', retryable: false, outcome: 'not-applied' });
  }
}

/** A bounded queue has no room: nothing was cached or queued. */
export class QueueFullError extends CacheError {
  override readonly name = 'QueueFullError';

  constructor(message: string) {
    super(message, { code: 'QUEUE_FULL', retryable: true, outcome: 'not-applied' });
  }
}

/** Replies of nodes that do not serve, or not this key. */
const AWAY = new Set(['LOADING', 'READONLY', 'BUSY', 'CLUSTERDOWN', 'MOVED', 'ASK', 'TRYAGAIN']);

/** A cluster that moves a slot: the key is served, elsewhere or in a moment. */
const REDIRECTIONS = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/** One slot of a cluster has no shard, and all others are served. `CLUSTERDOWN The cluster is down` concerns all slots. */
const UNSERVED_SLOT = 'CLUSTERDOWN Hash slot not served';

/**
 * True for failures that count against the server: those of the way to Redis, without limits of this process, redirections of a
 * cluster, and slots that no shard serves.
 */
export function isServerFailure(error: unknown): boolean {
  if (error instanceof ClientLimitError) return false;
  if (error instanceof CommandError && error.message.startsWith(UNSERVED_SLOT)) return false;
  return isConnectivityError(error) && !(error instanceof CommandError && REDIRECTIONS.has(error.code));
}

/** True for failures of the way to Redis (no answer, no connection), false for what Redis or the caller decided. */
export function isConnectivityError(error: unknown): boolean {
  return (
    error instanceof NotSentError ||
    error instanceof TimeoutError ||
    error instanceof OutcomeUnknownError ||
    (error instanceof CommandError && AWAY.has(error.code))
  );
}
