/**
 * A lock between processes on this machine: a file with its owner's identity, created by an atomic `link`, so that no
 * reader sees a partial file. A lock whose owner has ended is taken over.
 *
 * A takeover has a race: two waiters may both have read the dead owner, and the slower one must not remove the lock
 * that the faster one has just acquired. So a waiter first creates `<lock>.takeover-<dead owner>`, which succeeds for
 * only one waiter.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, KitError } from '../../config/errors.ts';
import { diskError } from './disk.ts';
import { isAlive, ownProcess, type ProcessIdentity } from './process-identity.ts';

export interface LockOptions {
  readonly timeoutMs: number;
  /** Subject of the lock, for the error message: "waiting for the address blocks". */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Returns the error for a timeout instead of `LOCKED`. */
  readonly refusal?: (holder: number | undefined) => KitError;
  /** Whether the work frees disk space. If so, it runs without a lock when the disk is too full for a lock file. */
  readonly makesRoom?: boolean;
}

/**
 * Age, in ms, at which a takeover file counts as abandoned: a takeover takes microseconds, so the process that created
 * the file died during it.
 */
const TAKEOVER_ABANDONED_MS = 10_000;

/**
 * Acquires the lock; disposing the result releases it.
 *
 * @throws KitError `LOCKED` with the owner's pid after a timeout; `DISK_FULL`
 */
export async function acquireLock(path: string, options: LockOptions): Promise<Disposable> {
  const own = JSON.stringify(await ownProcess());
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      if (tryLink(path, own)) return { [Symbol.dispose]: () => release(path, own) };
    } catch (error) {
      const full = error instanceof KitError && error.code === 'DISK_FULL';
      if (full && options.makesRoom === true) return { [Symbol.dispose]: () => {} };
      throw error;
    }
    const holder = readOwner(path);
    if (holder !== undefined && !(await isAlive(holder))) {
      takeOver(path, holder);
      continue;
    }
    if (performance.now() > deadline) {
      if (options.refusal !== undefined) throw options.refusal(holder?.pid);
      throw new KitError(`${options.what}: process ${holder?.pid ?? '?'} has held the lock for too long`, {
        code: 'LOCKED',
        exitCode: EXIT.UNKNOWN,
        where: path,
        hint: `wait for process ${holder?.pid ?? '?'} or end it, then retry`,
      });
    }
    await delay(20);
  }
}

/** Runs the work under the lock and always releases it. Equivalent to `using`, which Node 22 cannot parse. */
export async function withLock<T>(lock: Promise<Disposable>, work: () => Promise<T>): Promise<T> {
  const held = await lock;
  try {
    return await work();
  } finally {
    held[Symbol.dispose]();
  }
}

function tryLink(path: string, content: string): boolean {
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, content, { mode: 0o600 });
  } catch (error) {
    rmSync(draft, { force: true });
    throw diskError(error, path);
  }
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function readOwner(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function takeOver(path: string, dead: ProcessIdentity): void {
  const claim = `${path}.takeover-${dead.pid}`;
  if (!tryLink(claim, '')) {
    const age = Date.now() - (statSync(claim, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > TAKEOVER_ABANDONED_MS) rmSync(claim, { force: true });
    return;
  }
  const holder = readOwner(path);
  if (holder?.pid === dead.pid && holder.start === dead.start) rmSync(path, { force: true });
  rmSync(claim, { force: true });
}

function release(path: string, own: string): void {
  try {
    if (readFileSync(path, 'utf8') === own) unlinkSync(path);
  } catch {
    // The directory was removed with the environment, and the lock with it.
  }
}
