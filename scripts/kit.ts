#!/usr/bin/env node
/**
 * The `kit` command: the process around `kit()`. Signals become one AbortSignal, a closed pipe ends quietly, and the
 * exit code is one of `config/errors.ts`.
 */
import { EXIT, KitError } from '../config/errors.ts';
import { kit } from './program.ts';

/** A Ctrl-C under `npm run` arrives twice, from the terminal and from npm: what follows this closely is the same one. */
const SAME_KEYPRESS_MS = 500;
/** After the last word, an open handle may not keep the process for longer. */
const LINGER_MS = 2_000;

const interruption = new AbortController();
let interruptedAt = 0;

function interrupt(signal: NodeJS.Signals): void {
  if (interruption.signal.aborted) {
    if (performance.now() - interruptedAt > SAME_KEYPRESS_MS) process.exit(EXIT.INTERRUPTED);
    return;
  }
  interruptedAt = performance.now();
  interruption.abort(
    new KitError(`interrupted by ${signal}`, { code: 'INTERRUPTED', exitCode: EXIT.INTERRUPTED }),
  );
  process.stderr.write('\nkit: stopping; healing and ending what was started. Again to force.\n');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await kit(process.argv.slice(2), process, interruption.signal);
setTimeout(() => process.exit(), LINGER_MS).unref();
