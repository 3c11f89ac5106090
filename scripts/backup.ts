import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { BackupManifest } from '../config/backup-manifest.ts';
import { EXIT, KitError } from '../config/errors.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import { type BackupKey, readKeyFile } from '../infra/backup/cipher.ts';
import { countKeys } from '../infra/backup/contents.ts';
import { createBackup } from '../infra/backup/create.ts';
import { openBackup } from '../infra/backup/open.ts';
import {
  backupName,
  isDue,
  listBackups,
  pruneBackups,
  type StoredBackup,
} from '../infra/backup/retention.ts';
import { verifyBackup } from '../infra/backup/verify.ts';
import { findServerProgram, lockEnvironment } from '../infra/substrates/registry.ts';
import { type FindOptions, requestedEnvironment } from './find-environment.ts';
import * as common from './options.ts';
import { withRunning } from './running-environment.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

interface BackupOptions extends FindOptions {
  readonly to?: string;
  readonly keyFile?: string;
  readonly fromMaster?: true;
  readonly ifDue?: true;
  readonly prune?: true;
}

export const keyFile = () =>
  new Option('--key-file <file>', 'file with the 32-byte key that encrypts the backup').argParser(
    common.nonEmpty,
  );

/** `kit backup`: writes the data of a running environment to one file. `kit backup verify` verifies a backup file. */
export function backup(program: Command, session: Session): void {
  const command = program
    .command('backup')
    .summary('write the data of an environment to a file, or verify one')
    .description(
      'Write the data of a running environment to one tar archive: an RDB per master and a manifest with checksums. The data is read from a replica, so the master keeps serving. The archive is written completely or not at all.\nThe settings backup.dir, backup.keyFile, backup.everyHours and backup.keep of the environment are the defaults.\nExit code 0: written, or not due; 3: not written.',
    )
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .addOption(new Option('--to <path>', 'folder, or a file that ends with .tar').argParser(common.nonEmpty))
    .addOption(keyFile())
    .addOption(new Option('--from-master', 'read the master instead of a replica'))
    .addOption(new Option('--if-due', 'do nothing if the newest backup is younger than backup.everyHours'))
    .addOption(new Option('--prune', 'afterwards keep only the newest backup.keep backups in the folder'))
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit backup', 'to .kit/backups/dev'],
        ['kit backup --to /srv/backups --key-file key', 'encrypted, to a folder'],
        ['kit backup --if-due --prune', 'for cron, with backup.everyHours and backup.keep'],
        ['kit backup verify FILE', 'restore it into a scratch server and compare every key'],
      ),
    )
    .action((options: BackupOptions) => runBackup(session, options));
  command
    .command('verify')
    .summary('restore a backup into a scratch server and compare every key')
    .description(
      'Check the checksums of a backup, restore it into a temporary server on this machine, and compare every key. Changes no environment.\nExit code 0: proven; 1: damaged, wrong key, or unsupported version.',
    )
    .argument('<file>', 'file that kit backup wrote')
    .addOption(keyFile())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit backup verify FILE', 'a plain backup'],
        ['kit backup verify FILE --key-file key', 'an encrypted backup'],
      ),
    )
    // --key-file and --json may come before or after `verify`.
    .action(async (file: string, _options: unknown, verify: Command) =>
      runVerify(session, resolve(file), verify.optsWithGlobals<BackupOptions>().keyFile),
    );
}

async function runBackup(session: Session, options: BackupOptions): Promise<void> {
  await withRunning(options, async (environment) => {
    // The schedule is read from the current file, because it does not affect running nodes.
    const settings = requestedEnvironment(options).topology?.environment ?? environment.topology.environment;
    const { dir, file } = placeOf(options.to, settings);
    const found = listBackups(dir, environment.name);
    if (options.ifDue && !isDue(found, requireSchedule(settings).everyHours, new Date())) {
      const removed = prune(options, settings, dir);
      const newest = found[0] as StoredBackup;
      return printResult(
        session,
        { environment: environment.name, due: false, newest: newest.path, removed },
        `${environment.name}: not due; the newest is ${newest.path}`,
      );
    }
    const target = file ?? join(dir, backupName(environment.name, new Date()));
    const key = keyOf(options.keyFile ?? settings.backup?.keyFile);
    const held = await lockEnvironment(environment.substrate, environment.name, stateDir());
    try {
      const manifest = await createBackup(environment, {
        target,
        key,
        server: await findServerProgram(stateDir(), session.signal, environment),
        fromMaster: options.fromMaster,
        progress: (line) => session.terminal.progress(line),
        signal: session.signal,
      });
      const removed = prune(options, settings, dir);
      printResult(session, { file: target, manifest, removed }, backupText(target, manifest, removed));
    } finally {
      held[Symbol.dispose]();
    }
  });
}

function placeOf(
  to: string | undefined,
  { name, backup: settings }: EnvironmentConfig,
): { readonly dir: string; readonly file?: string } {
  if (to === undefined) return { dir: settings?.dir ?? join(stateDir(), 'backups', name) };
  const path = resolve(to);
  if (existsSync(path) && statSync(path).isDirectory()) return { dir: path };
  if (path.endsWith('.tar')) return { dir: dirname(path), file: path };
  if (!existsSync(path)) return { dir: path };
  throw new KitError('must be a folder, or a file that ends with .tar', {
    code: 'USAGE',
    where: `--to ${to}`,
    hint: 'an existing file with another name is not replaced',
  });
}

export function keyOf(file: string | undefined): BackupKey | undefined {
  return file === undefined ? undefined : readKeyFile(resolve(file));
}

function prune(
  { prune: isAsked }: BackupOptions,
  settings: EnvironmentConfig,
  dir: string,
): readonly string[] {
  if (!isAsked) return [];
  return pruneBackups(dir, settings.name, requireSchedule(settings).keep).map(({ path }) => path);
}

function requireSchedule({ name, backup: settings }: EnvironmentConfig) {
  if (settings !== undefined) return settings;
  throw new KitError(`environment '${name}' has no backup schedule`, {
    code: 'USAGE',
    exitCode: EXIT.USAGE,
    where: 'command line: --if-due, --prune',
    hint: 'add backup: { everyHours: 24, keep: 7 } to its YAML file, or pass --set backup.keep=7',
  });
}

function backupText(target: string, manifest: BackupManifest, removed: readonly string[]): string {
  const lines = manifest.parts.map(({ file, node, role, contents, replicationId, replicationOffset }) => {
    const keys = contents === undefined ? 'keys not counted' : `${countKeys(contents.databases)} keys`;
    return `  ${file}: ${keys}, from ${node} (${role}) at offset ${replicationOffset} of ${replicationId}`;
  });
  return [
    `${manifest.environment}: ${target}${manifest.encryption === undefined ? '' : ', encrypted'}`,
    ...lines,
    ...removed.map((path) => `  removed ${path}`),
  ].join('\n');
}

async function runVerify(session: Session, file: string, keyPath: string | undefined): Promise<void> {
  await using opened = await openBackup(file, keyOf(keyPath));
  const parts = await verifyBackup(opened, {
    server: await findServerProgram(stateDir(), session.signal),
    progress: (line) => session.terminal.progress(line),
    signal: session.signal,
  });
  const { environment, createdAt } = opened.manifest;
  const lines = parts.map(
    ({ file: name, keys, compared }) =>
      `  ${name}: ${keys} keys, ${compared} restored and equal${keys > compared ? `, ${keys - compared} expired` : ''}`,
  );
  printResult(
    session,
    { file, environment, createdAt, parts },
    [`${file}: proven; backup of ${environment}, created at ${createdAt}`, ...lines].join('\n'),
  );
}
