/**
 * Runs `kit()` in a process. Signals become one AbortSignal, a closed pipe ends quietly, unwritable output is reported,
 * and the exit code is one of those in `config/errors.ts`. `kit.mjs` starts it.
 */
import '../config/es2024.ts';
import { shareCompiledCode } from '../config/env.ts';
import { EXIT, type ExitCode, KitError } from '../config/errors.ts';
import { kit } from './program.ts';

/**
 * Time, in ms, within which a second signal counts as the same Ctrl-C: under `npm run` it arrives twice, from the
 * terminal and from npm.
 */
const SAME_KEYPRESS_MS = 500;
/** Maximum time that an open handle may keep the process alive after the command has ended. */
const LINGER_MS = 2_000;

const interruption = new AbortController();
let interruptedAt = 0;
/** Set when the command has ended, so that an interruption exits immediately. */
let ended: ExitCode | undefined;
let outputFailure: Error | undefined;

function interrupt(signal: NodeJS.Signals): void {
  if (ended !== undefined) process.exit(codeOf(ended));
  if (interruption.signal.aborted) {
    if (performance.now() - interruptedAt > SAME_KEYPRESS_MS) process.exit(EXIT.INTERRUPTED);
    return;
  }
  interruptedAt = performance.now();
  interruption.abort(
    new KitError(`interrupted by ${signal}`, { code: 'INTERRUPTED', exitCode: EXIT.INTERRUPTED }),
  );
  process.stderr.write('\nkit: interrupted; stopping what was started. Press Ctrl-C again to force.\n');
}

/** Returns the exit code if the result could not be written: a GO becomes UNKNOWN, a NO-GO stays a NO-GO. */
function codeOf(code: ExitCode): ExitCode {
  return outputFailure !== undefined && code === EXIT.GO ? EXIT.UNKNOWN : code;
}

function lostOutput(error: NodeJS.ErrnoException): void {
  // The reader of the pipe, such as `head`, closed it.
  if (error.code === 'EPIPE' || outputFailure !== undefined) return;
  outputFailure = error;
  process.stderr.write(`kit: cannot write the result to standard output: ${error.message}\n`);
  if (ended !== undefined) process.exitCode = codeOf(ended);
}

shareCompiledCode();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
process.stdout.on('error', lostOutput);
// Errors on standard error cannot be reported anywhere.
process.stderr.on('error', () => undefined);

ended = await kit(process.argv.slice(2), process, interruption.signal);
process.exitCode = codeOf(ended);
setTimeout(() => process.exit(), LINGER_MS).unref();
