/**
 * Formats a failure: problem, location, remedy; for a defect in the kit, its stack trace. Exit codes come only from
 * `config/errors.ts`: a defect results in `UNKNOWN`, since nothing was measured.
 */
import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { EXIT, type ExitCode, KitError } from '../config/errors.ts';

export interface Failure {
  readonly exitCode: ExitCode;
  /**
   * Whether the message has already been printed: commander throws after printing the help or the version, as it does
   * after an error.
   */
  readonly shown: boolean;
  /** Fields for `--json`. */
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly where?: string;
    readonly hint?: string;
    readonly cause?: string;
    readonly stack?: string;
  };
}

/** Classifies any thrown value. After an interruption the exit code is always 130. */
export function describeFailure(thrown: unknown, signal: AbortSignal): Failure {
  const failure = thrown instanceof CommanderError ? usageFailure(thrown) : failureOfKit(thrown);
  if (!signal.aborted) return failure;
  const reason = failureOfKit(signal.reason);
  const consequence = thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError');
  return { ...(consequence ? reason : failure), exitCode: EXIT.INTERRUPTED };
}

/** Formats a failure for a user, one part per line. */
export function failureText({ error }: Failure, colour: boolean): string {
  const paint = (format: 'red' | 'dim', text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  const lines = [`${paint('red', 'kit:')} ${error.message}`];
  if (error.where !== undefined) lines.push(`  ${paint('dim', 'where')}    ${error.where}`);
  if (error.cause !== undefined) lines.push(`  ${paint('dim', 'because')}  ${error.cause}`);
  if (error.hint !== undefined) lines.push(`  ${paint('dim', 'fix')}      ${error.hint}`);
  if (error.stack !== undefined) lines.push('', error.stack);
  return `${lines.join('\n')}\n`;
}

function failureOfKit(thrown: unknown): Failure {
  if (thrown instanceof KitError) {
    return {
      exitCode: thrown.exitCode,
      shown: false,
      error: {
        code: thrown.code,
        message: thrown.message,
        ...(thrown.where === undefined ? {} : { where: thrown.where }),
        ...(thrown.cause instanceof Error ? { cause: thrown.cause.message } : {}),
        ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      },
    };
  }
  const ofRedis = failureOfRedis(thrown);
  if (ofRedis !== undefined) return ofRedis;
  const defect = thrown instanceof Error ? thrown : new Error(String(thrown));
  return {
    exitCode: EXIT.UNKNOWN,
    shown: false,
    error: {
      code: 'DEFECT',
      message: `unexpected: ${defect.message}`,
      hint: 'this is a bug in the kit: report it with the lines below, and run `kit down` to clean up',
      ...(defect.stack === undefined ? {} : { stack: defect.stack }),
    },
  };
}

/**
 * Codes of error replies and of client errors that depend on the state of the server or on the permissions of the user.
 */
const STATES_OF_REDIS = new Set(
  (
    'NOPERM NOAUTH WRONGPASS READONLY LOADING MASTERDOWN NOREPLICAS OOM MISCONF CLUSTERDOWN TRYAGAIN BUSY ' +
    'NOT_SENT TIMEOUT OUTCOME_UNKNOWN'
  ).split(' '),
);
/** Messages of ioredis errors that have no code. */
const LOST = new Set(['Command timed out', 'Connection is closed.']);

/**
 * Returns the failure if the state of Redis or an invalid client option caused it, rather than a defect in the kit;
 * otherwise undefined.
 */
function failureOfRedis(thrown: unknown): Failure | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { name, message } = thrown;
  const isOfClient = 'outcome' in thrown && 'retryable' in thrown;
  if (isOfClient && name === 'ConfigurationError')
    return { exitCode: EXIT.USAGE, shown: false, error: { code: 'USAGE', message, hint: 'run kit --help' } };
  const code = isOfClient
    ? String((thrown as { readonly code?: unknown }).code)
    : (message.split(' ')[0] ?? '');
  const isState = STATES_OF_REDIS.has(code) && (isOfClient || name === 'ReplyError');
  if (!isState && !LOST.has(message)) return undefined;
  const hint =
    code === 'NOPERM'
      ? 'grant the user permission to run the command'
      : 'run kit status to check the nodes, then run the command again';
  return {
    exitCode: EXIT.UNKNOWN,
    shown: false,
    error: { code: 'REDIS_ERROR', message: `Redis: ${message}`, hint },
  };
}

function usageFailure(thrown: CommanderError): Failure {
  const [first = '', ...rest] = thrown.message.replace(/^error: /, '').split('\n');
  const nearest = /\(Did you mean (.+)\?\)/.exec(rest.join(' '))?.[1];
  return {
    exitCode: thrown.exitCode === 0 ? EXIT.GO : EXIT.USAGE,
    shown: thrown.code.startsWith('commander.help') || thrown.code === 'commander.version',
    error: {
      code: 'USAGE',
      message: first,
      hint: nearest === undefined ? 'run kit --help' : `did you mean ${nearest}? See kit --help`,
    },
  };
}
