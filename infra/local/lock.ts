/**
 * A lock among processes of this machine: a file that holds its owner's identity, taken by an atomic `link`, so that
 * nobody ever reads it half written. A lock whose owner is gone is taken over.
 *
 * Taking over needs care: two waiters may both have read the dead owner, and the slower one must not remove the lock
 * that the faster one has just taken. Whoever takes over first creates `<lock>.takeover-<dead owner>`; there is only one.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, KitError } from '../../config/errors.ts';
import { diskError } from '../disk.ts';
import { isAlive, ownProcess, type ProcessIdentity } from '../process-identity.ts';

export interface LockOptions {
  readonly timeoutMs: number;
  /** For the error: "waiting for the address blocks". */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Another error than `LOCKED`, where the wait is over. */
  readonly refusal?: (holder: number | undefined) => KitError;
  /** The work removes things: on a disk too full for a lock it goes ahead without one, for it is what makes room. */
  readonly makesRoom?: boolean;
}

/** A takeover takes microseconds; one that is older than this was left by a process that died in it. */
const TAKEOVER_ABANDONED_MS = 10_000;

/**
 * Takes the lock; disposing the result gives it back.
 *
 * @throws KitError `LOCKED` with the owner's pid, when the wait is over; `DISK_FULL`
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
      throw new KitError(`${options.what}: process ${holder?.pid ?? '?'} has held it for too long`, {
        code: 'LOCKED',
        exitCode: EXIT.UNKNOWN,
        where: path,
        hint: `let process ${holder?.pid ?? '?'} finish or end it, then try again`,
      });
    }
    await delay(20);
  }
}

/** Works while the lock is held and gives it back whatever comes of the work: `using`, for a Node 22 that cannot read it. */
export async function holding<T>(lock: Promise<Disposable>, work: () => Promise<T>): Promise<T> {
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
    // Its directory was removed with the environment: the lock went with it.
  }
}
