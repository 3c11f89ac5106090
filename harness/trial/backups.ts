/** Backs up and restores the environment of a trial, with the functions of `kit backup` and `kit restore`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackup } from '../../infra/backup/create.ts';
import { openBackup } from '../../infra/backup/open.ts';
import { planRestore } from '../../infra/backup/restore.ts';
import { verifyBackup } from '../../infra/backup/verify.ts';
import { findServerProgram } from '../../infra/substrates/registry.ts';
import type { EnvironmentBackup } from '../workloads/scripted/script.ts';
import type { TrialContext } from './context.ts';

/** Writes a backup. @throws the same KitErrors as `createBackup` */
export async function backUp(context: TrialContext): Promise<EnvironmentBackup & AsyncDisposable> {
  const { environment, stateDir, signal, progress } = context;
  const dir = mkdtempSync(join(tmpdir(), 'kit-drill-backup-'));
  const dispose = async () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  try {
    const server = await findServerProgram(stateDir ?? dir, signal, environment);
    const target = join(dir, 'backup.tar');
    const manifest = await createBackup(environment, { target, server, progress, signal });
    return {
      manifest,
      async restore() {
        await using opened = await openBackup(target, undefined);
        await using plan = await planRestore(environment, opened, { server, progress, signal });
        return await plan.run();
      },
      async verify() {
        await using opened = await openBackup(target, undefined);
        const parts = await verifyBackup(opened, { server, progress, signal });
        return parts.reduce((sum, { compared }) => sum + compared, 0);
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
