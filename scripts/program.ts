/**
 * Builds the command from its verbs and converts every outcome to output and an exit code. It neither reads process
 * state nor ends the process, so that tests can call it.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { EXIT, type ExitCode } from '../config/errors.ts';
import { analyze } from './analyze.ts';
import { bundle } from './bundle.ts';
import { conf } from './conf.ts';
import { doctor } from './doctor.ts';
import { down } from './down.ts';
import { drift } from './drift.ts';
import { drill } from './drill.ts';
import { describeFailure, type Failure, failureText } from './failure.ts';
import { images } from './images.ts';
import { load } from './load.ts';
import { readiness } from './readiness.ts';
import { recover } from './recover.ts';
import { examples, type Session } from './session.ts';
import { status } from './status.ts';
import { switchoverCommand } from './switchover.ts';
import { type Streams, Terminal } from './terminal.ts';
import { up } from './up.ts';
import { verify } from './verify.ts';

/** Verbs in the order of `kit --help`. */
const VERBS = [
  readiness,
  up,
  down,
  status,
  recover,
  switchoverCommand,
  drill,
  load,
  analyze,
  verify,
  conf,
  images,
  bundle,
  drift,
  doctor,
];

const EXIT_CODES = `
Exit codes:
  ${EXIT.GO}    go; the command did what it was asked
  ${EXIT.NO_GO}    no-go: a criterion failed, evidence differs, a file or the machine has a fault
  ${EXIT.USAGE}    the command line or a configuration file is wrong
  ${EXIT.UNKNOWN}    not known: something in scope could not be measured
  ${EXIT.INTERRUPTED}  ended by Ctrl-C; what was started has been ended`;

/** Runs one command line and returns its exit code; never throws. */
export async function kit(args: readonly string[], streams: Streams, signal: AbortSignal): Promise<ExitCode> {
  const json = args.includes('--json');
  const terminal = new Terminal(streams, { quiet: json });
  const session: Session = { args, json, terminal, signal, exitCode: EXIT.GO };
  try {
    await programOf(session).parseAsync(args, { from: 'user' });
    signal.throwIfAborted();
    return session.exitCode;
  } catch (error) {
    return reportFailure(describeFailure(error, signal), session);
  } finally {
    terminal.endProgress();
  }
}

/** The command tree. Exported for the tests that read it. */
export function programOf(session: Session): Command {
  const program = new Command('kit')
    .description('Stands up a production Redis cache, tries to break it, and answers: may we turn it on?')
    .usage('<verb> [options]')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; after a verb, its own with examples')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.terminal.print(text),
      // commander's own errors become CommanderError and are printed once, by `report`
      writeErr: (text) => (text.startsWith('error:') ? undefined : session.terminal.complain(text)),
      getOutHelpWidth: () => session.terminal.width,
      getErrHelpWidth: () => session.terminal.width,
      getOutHasColors: () => session.terminal.colour,
      getErrHasColors: () => session.terminal.colour,
    })
    .addHelpText('after', EXIT_CODES)
    .addHelpText(
      'after',
      examples(
        ['kit readiness', 'may this environment be turned on?'],
        ['kit up && kit status', 'an environment to look at'],
        ['kit drill master-crash', 'one drill'],
      ),
    );
  for (const verb of VERBS) verb(program, session);
  return program;
}

function reportFailure(failure: Failure, { json, terminal }: Session): ExitCode {
  terminal.endProgress();
  if (failure.shown) return failure.exitCode;
  if (json) terminal.print(`${JSON.stringify({ error: failure.error }, null, 2)}\n`);
  else terminal.complain(failureText(failure, terminal.colour));
  return failure.exitCode;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
