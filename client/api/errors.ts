/**
 * Errors, with one class per cause. Every error that the client throws is a `CacheError`. Its `outcome` states whether
 * the command was applied, and therefore whether the command is safe to repeat.
 */

/**
 * Effect of a command on Redis. `unknown`: the command was sent and got no reply; it may have been applied, or may be
 * applied later.
 */
export type Outcome = 'applied' | 'not-applied' | 'unknown';

/** Properties of a `CacheError`. */
export interface CacheErrorOptions {
  /** Stable code, for use in programs. */
  readonly code: string;
  /** Whether repeating the same call is safe and may succeed. */
  readonly retryable: boolean;
  /** Whether the command was applied. */
  readonly outcome: Outcome;
  /** Original error. */
  readonly cause?: unknown;
}

/** Base class of all client errors. */
export class CacheError extends Error {
  override readonly name: string = 'CacheError';
  /**
   * Stable code, for use in programs: `NOT_SENT`, `OUTCOME_UNKNOWN`, or the first word of an error reply (`WRONGTYPE`).
   */
  readonly code: string;
  /** Whether repeating the same call is safe and may succeed. */
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

/** An option, variable or argument is invalid; the message quotes it and lists what is allowed. */
export class ConfigurationError extends CacheError {
  override readonly name = 'ConfigurationError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'CONFIGURATION', retryable: false, outcome: 'not-applied', cause });
  }
}

/** The value cannot be stored without being changed. */
export class SerializationError extends CacheError {
  override readonly name = 'SerializationError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'SERIALIZATION', retryable: false, outcome: 'not-applied', cause });
  }
}

/**
 * No master received the command within its deadline, or too many commands are in flight. The command was definitely
 * not applied.
 */
export class NotSentError extends CacheError {
  override readonly name: string = 'NotSentError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'NOT_SENT', retryable: true, outcome: 'not-applied', cause });
  }
}

/**
 * A limit of this process, not the server, rejected the command: `maxInFlight`, or a full or slow local queue. The
 * command was definitely not applied. This error never counts as a Redis failure.
 */
export class ClientLimitError extends NotSentError {
  override readonly name = 'ClientLimitError';
}

/** A read got no reply within its deadline. Reads change nothing. */
export class TimeoutError extends CacheError {
  override readonly name = 'TimeoutError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'TIMEOUT', retryable: true, outcome: 'not-applied', cause });
  }
}

/** A write was sent, and a node that is still master did not reply. The client never repeats such a write. */
export class OutcomeUnknownError extends CacheError {
  override readonly name = 'OutcomeUnknownError';

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'OUTCOME_UNKNOWN', retryable: false, outcome: 'unknown', cause });
  }
}

/** Codes of temporary error replies: the same command may succeed later. */
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

/** Commands that may have made some of their changes before they failed. */
const PARTIAL = new Set(['EVAL', 'EVALSHA', 'FCALL', 'EXEC']);
/** Codes of error replies that reject a command before it runs, unless a command inside a script caused the error. */
const REFUSED = new Set(
  (
    'NOSCRIPT NOPERM NOAUTH READONLY LOADING MASTERDOWN NOREPLICAS BUSY OOM MISCONF EXECABORT ' +
    'MOVED ASK TRYAGAIN CROSSSLOT CLUSTERDOWN'
  ).split(' '),
);
const REFUSED_CALL = /^ERR (unknown command|wrong number of arguments|Function not found|EXEC without MULTI)/;

function outcomeOf(command: string, code: string, message: string): Outcome {
  if (!PARTIAL.has(command.toUpperCase())) return 'not-applied';
  // If a command inside a script fails, the error reply contains `script: `, and the commands before the failed one
  // were applied.
  const inside = /\bscript: /.test(message);
  return !inside && (REFUSED.has(code) || REFUSED_CALL.test(message)) ? 'not-applied' : 'unknown';
}

/**
 * Redis replied with an error; `code` is the first word of the reply. `outcome` is `not-applied`, or `unknown` for a
 * script or transaction that may have written before it failed.
 */
export class CommandError extends CacheError {
  override readonly name = 'CommandError';

  constructor(message: string, cause?: unknown, command = '') {
    const code = /^-?([A-Z][A-Z0-9_]*)\b/.exec(message)?.[1] ?? 'ERR';
    const outcome = outcomeOf(command, code, message);
    super(message, { code, retryable: PASSING.has(code) && outcome === 'not-applied', outcome, cause });
  }
}

/** Fewer replicas than required confirmed a write in time: the master has it, but a failover might lose it. */
export class DurabilityError extends CacheError {
  override readonly name = 'DurabilityError';
  /** Number of replicas that had to confirm. */
  readonly required: number;
  /** Number of replicas that confirmed in time. */
  readonly confirmed: number;

  /**
   * @param refusal the server's error reply to WAIT, if any
   */
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

/** A loader in this or another process took longer than `hardTimeoutMs`. */
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

/** A bounded queue is full: the value was neither cached nor queued. */
export class QueueFullError extends CacheError {
  override readonly name = 'QueueFullError';

  constructor(message: string) {
    super(message, { code: 'QUEUE_FULL', retryable: true, outcome: 'not-applied' });
  }
}

/** Codes of error replies from nodes that serve no commands at all, or do not serve this key. */
const AWAY = new Set(['LOADING', 'READONLY', 'BUSY', 'CLUSTERDOWN', 'MOVED', 'ASK', 'TRYAGAIN']);

/** Error codes that occur during a slot migration: another node serves the key, or this node will serve it soon. */
const REDIRECTIONS = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/**
 * Error reply for a slot that has no shard while all other slots are served. `CLUSTERDOWN The cluster is down` applies
 * to all slots.
 */
const UNSERVED_SLOT = 'CLUSTERDOWN Hash slot not served';

/**
 * Whether an error is a connectivity failure that counts against the server. Limits of this process, cluster
 * redirections, and slots that no shard serves do not count.
 */
export function isServerFailure(error: unknown): boolean {
  if (error instanceof ClientLimitError) return false;
  if (error instanceof CommandError && error.message.startsWith(UNSERVED_SLOT)) return false;
  return isConnectivityError(error) && !(error instanceof CommandError && REDIRECTIONS.has(error.code));
}

/**
 * Whether Redis could not be reached, did not reply, or replied that this node cannot serve the command. False for
 * other error replies and for caller errors.
 */
export function isConnectivityError(error: unknown): boolean {
  return (
    error instanceof NotSentError ||
    error instanceof TimeoutError ||
    error instanceof OutcomeUnknownError ||
    (error instanceof CommandError && AWAY.has(error.code))
  );
}
