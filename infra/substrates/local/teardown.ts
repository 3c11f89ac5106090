/**
 * Ends an environment as recorded in its ledger: stops the processes, which are identified by pid and start time, then
 * removes the files, then releases the block. Works in the same way for the process that started the environment, for
 * the next command after a crash, and for the reaper.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { acquireLock, type LockOptions, withLock } from '../../host/lock.ts';
import { makePrivateDir } from '../../host/private-files.ts';
import { endProcess, identify, isAlive, type ProcessIdentity } from '../../host/process-identity.ts';
import { WATCHDOG_ID } from '../../topology.ts';
import type { DestroyReport } from '../substrate.ts';
import { releaseBlock } from './addresses.ts';
import { type Ledger, ledgerPath, listLedgers, readLedger } from './ledger.ts';
import { environmentDir } from './local-context.ts';

/** Grace period in ms, for complete logs and a last AOF flush; the data is removed anyway. */
const GRACE_MS = 1_500;

/** Maximum wait, in ms, for another command on the same environment; the longest command is a start. */
const LOCK_TIMEOUT_MS = 30_000;

/** Locks the environment for one command, so that no two commands start or end it at the same time. */
export async function acquireEnvironmentLock(
  stateDir: string,
  name: string,
  options: Pick<LockOptions, 'signal' | 'makesRoom'> = {},
): Promise<Disposable> {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new KitError(`must be the name of an environment, got '${name}'`, {
      code: 'CONFIG_INVALID',
      hint: 'at most 31 lower-case letters, digits and dashes',
    });
  }
  makePrivateDir(join(stateDir, 'environments'));
  return acquireLock(join(stateDir, 'environments', `${name}.lock`), {
    what: `environment '${name}'`,
    timeoutMs: LOCK_TIMEOUT_MS,
    ...options,
  });
}

/** Ends and removes the environment. The caller holds its lock. Returns an empty report if there was none. */
export async function endEnvironment(stateDir: string, name: string): Promise<DestroyReport> {
  const dir = environmentDir(stateDir, name);
  const ledger = readLedger(ledgerPath(stateDir, name));
  const ended = ledger === undefined ? [] : await endRecorded(ledger);
  const removed = existsSync(dir) ? [dir] : [];
  if (existsSync(dir)) await endUnrecorded(realpathSync(dir));
  // Redis may still be writing its last file when the kernel removes the process: a second pass removes late files.
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  if (ledger !== undefined) await releaseBlock(ledger.block, stateDir, name);
  return { ended, removed };
}

async function endRecorded(ledger: Ledger): Promise<readonly string[]> {
  // Sentinels and watchdog first, so that none of them detects a missing master and starts a failover.
  const ids = Object.keys(ledger.processes);
  const observers = ids.filter((id) => !id.startsWith('redis-'));
  const servers = ids.filter((id) => id.startsWith('redis-'));
  const ended: string[] = [];
  for (const group of [observers, servers]) {
    await Promise.all(
      group.map(async (id) => {
        const identity = ledger.processes[id] as ProcessIdentity;
        if ((await endProcess(identity, GRACE_MS)) && id !== WATCHDOG_ID) ended.push(id);
      }),
    );
  }
  const { reaper } = ledger;
  if (reaper !== undefined && reaper.pid !== process.pid) await endProcess(reaper, GRACE_MS);
  return ended.sort();
}

/**
 * Stops nodes that no ledger lists: a kit process that is killed after it has spawned a node and before it has recorded
 * it leaves that node behind. Such a node is identified by its working directory, which belongs only to this
 * environment. Without /proc, only recorded nodes are found.
 */
async function endUnrecorded(dir: string): Promise<void> {
  if (!existsSync('/proc/self/cwd')) return;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isNodeIn(dir, name));
  await Promise.all(
    pids.map(async (pid) => {
      const identity = await identify(Number(pid));
      if (identity !== undefined) await endProcess(identity, GRACE_MS);
    }),
  );
}

function isNodeIn(dir: string, pid: string): boolean {
  try {
    const inside = readlinkSync(`/proc/${pid}/cwd`).startsWith(`${dir}/`);
    return (
      inside &&
      /^(\S*\/)?(redis|valkey|prometheus|alertmanager)|(watchdog|certificate-probe)\.mjs/.test(
        readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      )
    );
  } catch {
    // The process has ended in the meantime, or belongs to another user.
    return false;
  }
}

/**
 * Returns whether the environment is left over from an unfinished run: its owner process has ended, or it was never
 * healthy.
 */
export async function isLeftOver(ledger: Ledger): Promise<boolean> {
  return ledger.owner === undefined ? ledger.phase === 'starting' : !(await isAlive(ledger.owner));
}

/** Ends the environments of crashed runs in this state directory. @returns their names */
export async function endLeftOvers(
  stateDir: string,
  progress: (line: string) => void,
): Promise<readonly string[]> {
  const swept: string[] = [];
  for (const { environment } of listLedgers(stateDir)) {
    if (await endIfLeftOver(stateDir, environment)) {
      progress(`cleaned up '${environment}' after a run that did not finish`);
      swept.push(environment);
    }
  }
  return swept;
}

/**
 * Checks again under the lock, because the owner of the environment, or the reaper, may have ended it in the meantime.
 */
export async function endIfLeftOver(stateDir: string, name: string): Promise<boolean> {
  const before = readLedger(ledgerPath(stateDir, name));
  if (before === undefined || !(await isLeftOver(before))) return false;
  return withLock(acquireEnvironmentLock(stateDir, name, { makesRoom: true }), async () => {
    const ledger = readLedger(ledgerPath(stateDir, name));
    if (ledger === undefined || !(await isLeftOver(ledger))) return false;
    await endEnvironment(stateDir, name);
    return true;
  });
}
