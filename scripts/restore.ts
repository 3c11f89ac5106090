import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import type { BackupKey } from '../infra/backup/cipher.ts';
import { createBackup } from '../infra/backup/create.ts';
import { type OpenBackup, openBackup, readManifest } from '../infra/backup/open.ts';
import { planRestore, type RestorePlan, type RestoreReport } from '../infra/backup/restore.ts';
import { backupName } from '../infra/backup/retention.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import { findServerProgram, lockEnvironment } from '../infra/substrates/registry.ts';
import { keyFile, keyOf } from './backup.ts';
import { requireConfirmation } from './confirm.ts';
import { type FindOptions, requestedEnvironment } from './find-environment.ts';
import * as common from './options.ts';
import { withRunning } from './running-environment.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

interface RestoreOptions extends FindOptions {
  readonly keyFile?: string;
  readonly yes?: true;
  /** Whether the current data is copied first; false if `--no-copy` is given. */
  readonly copy: boolean;
}

/** `kit restore`: replaces the data of a running environment with the data of a backup. */
export function restore(program: Command, session: Session): void {
  program
    .command('restore')
    .summary('replace the data of an environment with a backup')
    .description(
      'Replace the data of a running environment, which may be empty, with the data of a backup. Everything is checked first: checksums, key, versions, memory. Prompts if the environment has keys, and first writes them to a separate backup.\nThe topology does not change, and clients stay connected; keys that they write during the restore are kept.\nExit code 0: restored, every key equal; 1: refused, nothing was changed; 3: incomplete, or keys changed after they were restored (more keys differ than clients wrote before that).',
    )
    .argument('<file>', 'file that kit backup wrote')
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .addOption(keyFile())
    .addOption(new Option('--yes', 'replace the existing keys without a prompt'))
    .addOption(new Option('--no-copy', 'do not back up the existing keys first'))
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit restore FILE', 'into dev'],
        ['kit restore FILE --env staging --yes', 'into another environment, without a prompt'],
      ),
    )
    .action(async (file: string, options: RestoreOptions) => {
      const path = resolve(file);
      // The schedule's key encrypts this environment's backups and the copy of its current keys.
      const { keyFile: scheduled } = requestedEnvironment(options).topology?.environment.backup ?? {};
      const isEncrypted = (await readManifest(path)).encryption !== undefined;
      await using opened = await openBackup(
        path,
        keyOf(options.keyFile ?? (isEncrypted ? scheduled : undefined)),
      );
      await withRunning(options, async (environment) => {
        const key = keyOf(options.keyFile ?? scheduled ?? environment.topology.environment.backup?.keyFile);
        const held = await lockEnvironment(environment.substrate, environment.name, stateDir());
        try {
          await runRestore(session, environment, opened, { ...options, key });
        } finally {
          held[Symbol.dispose]();
        }
      });
    });
}

async function runRestore(
  session: Session,
  environment: Environment,
  opened: OpenBackup,
  options: RestoreOptions & { readonly key: BackupKey | undefined },
): Promise<void> {
  const { signal, terminal } = session;
  const { name } = environment;
  const server = await findServerProgram(stateDir(), signal, environment);
  const common = { server, signal, progress: (line: string) => terminal.progress(line) };
  await using plan = await planRestore(environment, opened, common);
  let copy: string | undefined;
  if (plan.present > 0) {
    if (!options.yes) await confirmReplacement(session, { plan, opened, name });
    if (options.copy) {
      copy = join(stateDir(), 'backups', name, `before-restore-${backupName(name, new Date())}`);
      await createBackup(environment, { ...common, target: copy, key: options.key });
    }
  }
  const report = await plan.run().catch((error: unknown) => {
    throw copy === undefined ? error : withFormerData(error, copy);
  });
  session.exitCode = report.different > report.kept ? EXIT.UNKNOWN : EXIT.GO;
  printResult(
    session,
    { environment: name, file: opened.path, ...report, formerData: copy ?? null },
    restoreText(name, opened, report, copy),
  );
}

/**
 * Asks for confirmation. @throws KitError UNCONFIRMED if there is no terminal, or if the user gives any other answer
 */
async function confirmReplacement(
  session: Session,
  { plan, opened, name }: { readonly plan: RestorePlan; readonly opened: OpenBackup; readonly name: string },
): Promise<void> {
  const { createdAt, environment: of } = opened.manifest;
  const what = `${plan.present} keys of '${name}' are replaced by ${plan.keys} keys of ${of} at ${createdAt}`;
  await requireConfirmation(session, { what, word: name, action: 'replace them' });
}

/** Adds the path of the copy to an error, because the keys of the environment may be lost after an error. */
function withFormerData(error: unknown, copy: string): unknown {
  if (!(error instanceof KitError)) return error;
  const { code, exitCode, where, hint, cause, message } = error;
  return new KitError(message, {
    code,
    exitCode,
    hint: `${hint === undefined ? '' : `${hint}; `}the previous keys are in ${copy}`,
    cause,
    ...(where !== undefined && { where }),
  });
}

function restoreText(
  name: string,
  { path }: OpenBackup,
  { restored, kept, compared, different, examples, tookMs }: RestoreReport,
  copy: string | undefined,
): string {
  return [
    `${name}: ${restored} keys restored from ${path} in ${(tookMs / 1_000).toFixed(1)} s`,
    `  ${compared} keys compared, ${different} differ${kept === 0 ? '' : `; clients wrote ${kept} during the restore`}`,
    ...examples.map((key) => `  differs: ${key}`),
    ...(copy === undefined ? [] : [`  previous data: ${copy}`]),
  ].join('\n');
}
