/**
 * Ends an ephemeral environment when its owner process ends, for any reason.
 *
 * A shell reads from a pipe that only the owner holds open, which costs nothing during a measurement. When the owner
 * has ended the environment, it sends a line, and the shell exits. When the owner dies (even by SIGKILL), the kernel
 * closes the pipe, and the shell executes this program, which stops the processes in the ledger.
 */
import '../../../config/es2024.ts';
import { join } from 'node:path';
import { type Daemon, startDaemon } from '../../host/process.ts';
import { awaitState } from '../../host/process-identity.ts';
import { ledgerPath, readLedger } from './ledger.ts';
import { environmentDir } from './local-context.ts';
import { endIfLeftOver } from './teardown.ts';

/** Timeout for the owner's exit, in ms: a process that uses a lot of memory takes seconds to exit. */
const OWNER_EXIT_TIMEOUT_MS = 30_000;

const DONE = 'done';
const WAIT_FOR_OWNER = `read -r word; [ "$word" = ${DONE} ] || exec "$@"`;

export function startReaper(stateDir: string, environment: string): Daemon {
  return startDaemon({
    command: '/bin/sh',
    args: ['-c', WAIT_FOR_OWNER, 'kit-reaper', process.execPath, import.meta.filename, stateDir, environment],
    cwd: '/',
    logPath: join(environmentDir(stateDir, environment), 'reaper.log'),
    stdin: 'pipe',
  });
}

/** Dismisses the reaper: there is nothing left to clean up. */
export function dismissReaper(reaper: Daemon): void {
  reaper.tell(`${DONE}\n`);
}

async function endOrphanedEnvironment(stateDir: string, environment: string): Promise<void> {
  const owner = readLedger(ledgerPath(stateDir, environment))?.owner;
  // The pipe closes while the owner is still exiting.
  if (owner !== undefined) await awaitState(owner, 'gone', OWNER_EXIT_TIMEOUT_MS);
  await endIfLeftOver(stateDir, environment);
}

if (process.argv[1] === import.meta.filename) {
  const [stateDir, environment] = process.argv.slice(2);
  if (stateDir !== undefined && environment !== undefined)
    await endOrphanedEnvironment(stateDir, environment);
}
