import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { collectIncident } from '../infra/operations/incident/collect.ts';
import { changesSinceSeal } from '../infra/operations/incident/seal.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import { type FindOptions, findAnywhere, requestedEnvironment } from './find-environment.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface IncidentOptions extends FindOptions {
  readonly to?: string;
  readonly minutes: number;
  readonly check?: string;
}

/** `kit incident`: collects what a post-mortem needs, or checks a collected folder. */
export function incident(program: Command, session: Session): void {
  program
    .command('incident')
    .summary('collect what a post-mortem needs into one sealed folder')
    .description(
      'Collect roles, configuration, logs, slow commands, latency, memory, sentinel events and metrics, without passwords. Changes nothing.\nThe folder contains keys and the first bytes of arguments of slow commands.',
    )
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .option('--to <dir>', 'empty or new folder (default: incidents/<environment>-<time>)', common.nonEmpty)
    .option('--minutes <n>', 'window of the metrics', common.integer(1, 1_440), 30)
    .option(
      '--check <dir>',
      'check that a collected folder is unchanged, and collect nothing',
      common.nonEmpty,
    )
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit incident --env production', 'before any repair'],
        ['kit incident --check incidents/dev-…', 'exit code 1 if a file was changed'],
      ),
    )
    .action(async (options: IncidentOptions) => {
      if (options.check !== undefined) return checkFolder(options.check, session);
      await collect(options, session);
    });
}

async function collect(options: IncidentOptions, session: Session): Promise<void> {
  const asked = requestedEnvironment(options);
  const { found } = await findAnywhere(options.substrate, asked);
  if (found === undefined) {
    throw new KitError(`environment '${asked.name}' is not running`, {
      code: 'ENVIRONMENT_NOT_RUNNING',
      hint: 'run kit status to find where an environment is running',
      exitCode: EXIT.NO_GO,
    });
  }
  const { environment } = found;
  try {
    const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
    const dir = resolve(options.to ?? `incidents/${environment.name}-${time}`);
    requireEmpty(dir);
    const manifest = await collectIncident({
      environment,
      dir,
      passwords: passwordsOf(environment),
      metricsMinutes: options.minutes,
      progress: (line) => session.terminal.progress(`collecting ${line}`),
      signal: session.signal,
    });
    const files = Object.keys(manifest.digests.files).length;
    const lines = [
      `${environment.name}: ${files} files in ${dir}`,
      ...manifest.missing.map((line) => `missing: ${line}`),
    ];
    printResult(session, { dir, files, missing: manifest.missing }, lines.join('\n'));
  } finally {
    await environment[Symbol.asyncDispose]();
  }
}

function checkFolder(dir: string, session: Session): void {
  const changed = changesSinceSeal(resolve(dir));
  session.exitCode = changed.length === 0 ? EXIT.GO : EXIT.NO_GO;
  const text =
    changed.length === 0 ? `${dir}: unchanged` : changed.map((path) => `changed: ${path}`).join('\n');
  printResult(session, { dir, changed }, text);
}

/** Returns all passwords of the environment, for the redaction, including passwords that this command does not use. */
function passwordsOf({ access, endpoints, topology }: Environment): readonly string[] {
  // Alertmanager logs the URL of a webhook that fails.
  const { webhook } = topology.environment.observability;
  const own = [
    endpoints.app.password.reveal(),
    endpoints.sentinel.password.reveal(),
    ...(webhook === undefined ? [] : [webhook]),
  ];
  const file = access?.passwords;
  if (file === undefined || !existsSync(file)) return own;
  const { redis, sentinel, rotation } = JSON.parse(readFileSync(file, 'utf8')) as Partial<StoredPasswords> & {
    readonly rotation?: Partial<StoredPasswords>;
  };
  const groups = [redis, sentinel, rotation?.redis, rotation?.sentinel];
  return [...own, ...groups.flatMap((group) => Object.values(group ?? {}))];
}

type StoredPasswords = Readonly<Record<'redis' | 'sentinel', Readonly<Record<string, string>>>>;

function requireEmpty(dir: string): void {
  if (!existsSync(dir) || (statSync(dir).isDirectory() && readdirSync(dir).length === 0)) return;
  throw new KitError('must be an empty or new folder', {
    code: 'FOLDER_NOT_EMPTY',
    where: dir,
    hint: '--to DIR',
  });
}
