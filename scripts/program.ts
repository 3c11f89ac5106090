/**
 * Builds the command from its subcommands and converts every outcome to output and an exit code. It neither reads process
 * state nor ends the process, so that tests can call it.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { EXIT, type ExitCode } from '../config/errors.ts';
import { selectProject } from '../config/project.ts';
import { analyze } from './analyze.ts';
import { attest } from './attest.ts';
import { backup } from './backup.ts';
import { bundle } from './bundle.ts';
import { cacheClear } from './cache-clear.ts';
import { cacheInspect } from './cache-inspect.ts';
import { cacheStats } from './cache-stats.ts';
import { canaryAdjust } from './canary-adjust.ts';
import { canaryStatus } from './canary-status.ts';
import { compare } from './compare.ts';
import { conf } from './conf.ts';
import { doctor } from './doctor.ts';
import { down } from './down.ts';
import { drift } from './drift.ts';
import { drill } from './drill.ts';
import { describeFailure, type Failure, failureText } from './failure.ts';
import { images } from './images.ts';
import { incident } from './incident.ts';
import { init } from './init.ts';
import { load } from './load.ts';
import { readiness } from './readiness.ts';
import { recover } from './recover.ts';
import { restore } from './restore.ts';
import { savings } from './savings.ts';
import { examples, type Session } from './session.ts';
import { sizing } from './sizing.ts';
import { status } from './status.ts';
import { switchoverCommand } from './switchover.ts';
import { type Streams, Terminal } from './terminal.ts';
import { top } from './top.ts';
import { up } from './up.ts';
import { verify } from './verify.ts';
import { warm } from './warm.ts';

/** Commands in the order of `kit --help`. */
const VERBS = [
  readiness,
  up,
  down,
  status,
  recover,
  switchoverCommand,
  incident,
  backup,
  restore,
  drill,
  load,
  analyze,
  verify,
  compare,
  attest,
  cacheStats,
  cacheClear,
  cacheInspect,
  warm,
  top,
  sizing,
  savings,
  canaryStatus,
  canaryAdjust,
  conf,
  images,
  bundle,
  drift,
  doctor,
  init,
];

const EXIT_CODES = `
Exit codes:
  ${EXIT.GO}    go, or success
  ${EXIT.NO_GO}    no-go: a criterion failed, evidence differs, or a check found an error
  ${EXIT.USAGE}    invalid command line or configuration file
  ${EXIT.UNKNOWN}    not known: a criterion in scope was not measured
  ${EXIT.INTERRUPTED}  interrupted; everything started was stopped`;

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
    .description(
      'Deploy a Redis cache, inject faults into it, and decide whether it is ready for production.',
    )
    .usage('<command> [options]')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; after a command, its own help with examples')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .option(
      '--config <file>',
      'kit.yaml with own environments, gates, waivers and modules (default: ./kit.yaml)',
    )
    .hook('preAction', (command) => selectProject(command.opts<{ readonly config?: string }>().config))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.terminal.print(text),
      // commander's own errors become CommanderError and are printed once, by `report`
      writeErr: (text) => (text.startsWith('error:') ? undefined : session.terminal.printError(text)),
      getOutHelpWidth: () => session.terminal.width,
      getErrHelpWidth: () => session.terminal.width,
      getOutHasColors: () => session.terminal.colour,
      getErrHasColors: () => session.terminal.colour,
    })
    .addHelpText('after', EXIT_CODES)
    .addHelpText(
      'after',
      examples(
        ['kit readiness', 'is dev ready?'],
        ['kit up && kit status', 'start an environment and show it'],
        ['kit drill master-crash', 'run one drill'],
      ),
    );
  for (const verb of VERBS) verb(program, session);
  return program;
}

function reportFailure(failure: Failure, { json, terminal }: Session): ExitCode {
  terminal.endProgress();
  if (failure.shown) return failure.exitCode;
  if (json) terminal.print(`${JSON.stringify({ error: failure.error }, null, 2)}\n`);
  else terminal.printError(failureText(failure, terminal.colour));
  return failure.exitCode;
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
