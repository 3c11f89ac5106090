/**
 * Runs every external program, through zx. Short programs (`runProgram`) pass their output to an injected sink, so that
 * it can be stored as evidence; daemons (`startDaemon`) write to a log file and outlive this process.
 *
 * Each program runs in its own process group. A Ctrl-C in the terminal therefore reaches only the kit, which then stops
 * the programs in order. Arguments are visible to every user on the machine: they must not contain a secret.
 */
import { closeSync, openSync } from 'node:fs';
import { $, type ProcessPromise, which } from 'zx/core'; // not 'zx': its index parses this process's own argv at import
import { EXIT, KitError } from '../../config/errors.ts';

/** Record of one program run, as stored in the evidence. */
export interface ProgramRecord {
  readonly command: string;
  readonly args: readonly string[];
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export type ProgramSink = (record: ProgramRecord) => void;

export interface ProgramRequest {
  readonly command: string;
  readonly args?: readonly string[];
  /** Variables that are added to the kit's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text for standard input; default: empty. */
  readonly input?: string;
  /** Timeout in ms; default 30000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly sink?: ProgramSink;
  /** Receives standard output as it is written, in pieces of any length. */
  readonly onOutput?: (piece: string) => void;
}

export interface DaemonRequest {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd: string;
  /** File to which standard output and standard error are appended. */
  readonly logPath: string;
  /** Standard input. With `pipe`, it is closed when this process ends, for any reason. */
  readonly stdin?: 'ignore' | 'pipe';
}

export interface Daemon {
  readonly pid: number;
  /**
   * True until the kernel has reported to this process that the daemon has ended; until then the pid cannot be reused.
   */
  readonly running: boolean;
  /** Resolves when the daemon has ended. */
  readonly ended: Promise<void>;
  /** Writes text to the piped standard input. */
  write(text: string): void;
  /** Writes text to the piped standard input and closes it. */
  tell(text: string): void;
}

/** Quotes a word for POSIX shells: zx quotes for bash by default, and a slim system has only `sh`. */
const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Shell options. `exec` replaces the shell with the program, so that both have the same pid. */
const SHELL = { shell: '/bin/sh', prefix: 'exec ', postfix: '', quote, quiet: true, nothrow: true } as const;

const COULD_NOT_EXECUTE = new Set([126, 127]);

/** Returns the path of a program, or undefined if it is not on the search path. */
export async function findProgram(name: string): Promise<string | undefined> {
  return (await which(name, { nothrow: true })) ?? undefined;
}

/** Returns the paths of all programs of that name on the search path, in search order. */
export async function findPrograms(name: string): Promise<readonly string[]> {
  return (await which(name, { nothrow: true, all: true })) ?? [];
}

/** Whether a program is on the search path. */
export function isInstalled(name: string): boolean {
  return which.sync(name, { nothrow: true }) !== null;
}

/**
 * Runs a program until it exits. A non-zero exit code is a result and not an error: the caller interprets it.
 *
 * @throws KitError `PROGRAM_NOT_FOUND`, `PROGRAM_TIMEOUT`
 */
export async function runProgram(request: ProgramRequest): Promise<ProgramRecord> {
  const { command, args = [], timeoutMs = 30_000, signal } = request;
  signal?.throwIfAborted();
  const started = performance.now();
  const running = $({
    ...SHELL,
    detached: true,
    input: request.input ?? '',
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...(request.env === undefined ? {} : { env: { ...$.env, ...request.env } }),
  })`${[command, ...args]}`;
  // A program may end before it has read its input; its exit code shows whether it failed.
  running.stdin.on('error', () => {});
  const { onOutput } = request;
  if (onOutput !== undefined) running.stdout.on('data', (piece: Buffer) => onOutput(piece.toString()));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endGroup(running);
  }, timeoutMs);
  const abort = () => endGroup(running);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const output = await running;
    const record: ProgramRecord = {
      command,
      args,
      exitCode: output.exitCode,
      signal: output.signal,
      stdout: output.stdout,
      stderr: output.stderr,
      tookMs: Math.round(performance.now() - started),
    };
    request.sink?.(record);
    signal?.throwIfAborted();
    if (late) {
      throw new KitError(`${command} timed out after ${timeoutMs} ms`, {
        code: 'PROGRAM_TIMEOUT',
        exitCode: EXIT.UNKNOWN,
      });
    }
    if (record.exitCode !== null && COULD_NOT_EXECUTE.has(record.exitCode)) {
      throw new KitError(`${command} failed to start: ${record.stderr.trim()}`, {
        code: 'PROGRAM_NOT_FOUND',
        exitCode: EXIT.UNKNOWN,
      });
    }
    return record;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Starts a program that outlives this process. To stop it, use its recorded identity (`process-identity.ts`). */
export function startDaemon(request: DaemonRequest): Daemon {
  const log = openSync(request.logPath, 'a', 0o600);
  try {
    const running = $({
      ...SHELL,
      detached: true,
      cwd: request.cwd,
      stdio: [request.stdin ?? 'ignore', log, log],
    })`${[request.command, ...(request.args ?? [])]}`;
    const child = running.child;
    if (child?.pid === undefined) {
      throw new KitError(`${request.command} could not be started`, {
        code: 'PROGRAM_NOT_FOUND',
        exitCode: EXIT.UNKNOWN,
      });
    }
    let alive = true;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        alive = false;
        resolve();
      });
    });
    const input = child.stdin;
    input?.on('error', () => {}); // The daemon may have ended before the write, which then fails without a listener.
    child.unref();
    if (input !== null && 'unref' in input && typeof input.unref === 'function') input.unref();
    return {
      pid: child.pid,
      get running() {
        return alive;
      },
      ended,
      write: (text) => void input?.write(text),
      tell: (text) => input?.end(text),
    };
  } finally {
    closeSync(log);
  }
}

function endGroup(running: ProcessPromise): void {
  if (running.pid === undefined || running.stage !== 'running') return;
  try {
    process.kill(-running.pid, 'SIGKILL');
  } catch {
    // The daemon ended between the check and the signal.
  }
}
