/**
 * Builds the command from its subcommands and converts every outcome to output and an exit code. It neither reads
 * process state nor exits the process, so that tests can call it.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { EXIT, type ExitCode } from '../config/errors.ts';
import { selectProject } from '../config/project.ts';
import { describeFailure, type Failure, failureText } from './failure.ts';
import { examples, type Session } from './session.ts';
import { type Streams, Terminal } from './terminal.ts';

type Verb = (program: Command, session: Session) => void;

/**
 * Commands in the order of `kit --help`. A command does not load the modules of the others, which halves the start-up
 * time.
 */
const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  readiness: async () => (await import('./readiness.ts')).readiness,
  up: async () => (await import('./up.ts')).up,
  down: async () => (await import('./down.ts')).down,
  status: async () => (await import('./status.ts')).status,
  recover: async () => (await import('./recover.ts')).recover,
  apply: async () => (await import('./apply.ts')).apply,
  switchover: async () => (await import('./switchover.ts')).switchoverCommand,
  incident: async () => (await import('./incident.ts')).incident,
  backup: async () => (await import('./backup.ts')).backup,
  restore: async () => (await import('./restore.ts')).restore,
  rotate: async () => (await import('./rotate.ts')).rotate,
  drill: async () => (await import('./drill.ts')).drill,
  load: async () => (await import('./load.ts')).load,
  analyze: async () => (await import('./analyze.ts')).analyze,
  verify: async () => (await import('./verify.ts')).verify,
  compare: async () => (await import('./compare.ts')).compare,
  attest: async () => (await import('./attest.ts')).attest,
  'cache-stats': async () => (await import('./cache-stats.ts')).cacheStats,
  'cache-clear': async () => (await import('./cache-clear.ts')).cacheClear,
  'cache-inspect': async () => (await import('./cache-inspect.ts')).cacheInspect,
  warm: async () => (await import('./warm.ts')).warm,
  top: async () => (await import('./top.ts')).top,
  sizing: async () => (await import('./sizing.ts')).sizing,
  savings: async () => (await import('./savings.ts')).savings,
  'canary-status': async () => (await import('./canary-status.ts')).canaryStatus,
  'canary-adjust': async () => (await import('./canary-adjust.ts')).canaryAdjust,
  conf: async () => (await import('./conf.ts')).conf,
  images: async () => (await import('./images.ts')).images,
  bundle: async () => (await import('./bundle.ts')).bundle,
  drift: async () => (await import('./drift.ts')).drift,
  doctor: async () => (await import('./doctor.ts')).doctor,
  init: async () => (await import('./init.ts')).init,
  completion: async () => (await import('./completion.ts')).completion,
};

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
    const program = await programOf(session, verbsFor(args[0]));
    await program.parseAsync(args, { from: 'user' });
    signal.throwIfAborted();
    return session.exitCode;
  } catch (error) {
    return reportFailure(describeFailure(error, signal), session);
  } finally {
    terminal.endProgress();
  }
}

/**
 * Returns the commands to load for the first argument: that command, none for the version, all for a completion and
 * anything else.
 */
function verbsFor(first = ''): readonly string[] | undefined {
  if (first === 'completion') return undefined;
  if (first === '--version' || first === '-V') return [];
  return Object.hasOwn(VERBS, first) ? [first] : undefined;
}

/**
 * Returns the command tree. Exported for tests.
 *
 * @param verbs the commands to load; default: all
 */
export async function programOf(
  session: Session,
  verbs: readonly string[] = Object.keys(VERBS),
): Promise<Command> {
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
      'kit.yaml with your environments, gates, waivers and modules (default: ./kit.yaml)',
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
  for (const verb of verbs) (await VERBS[verb]?.())?.(program, session);
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
