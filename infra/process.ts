/**
 * Every outside program goes through here, and through zx: short ones (`runProgram`) hand their output to an injected
 * sink so that it can be kept as evidence; daemons (`startDaemon`) write to a log file and outlive this process.
 *
 * Each runs in a process group of its own, so that a Ctrl-C in the terminal reaches the kit alone, which then ends
 * what it started in order. Arguments are visible to every user of the machine: no secret belongs in them.
 */
import { closeSync, openSync } from 'node:fs';
import { $, type ProcessPromise, which } from 'zx/core'; // not 'zx': its index parses this process's own argv at import
import { EXIT, KitError } from '../config/errors.ts';

/** One program's life, as the evidence keeps it. */
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
  /** Added to the kit's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Given on standard input; empty otherwise. */
  readonly input?: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly sink?: ProgramSink;
  /** Hears standard output as it comes, in pieces of any length. */
  readonly onOutput?: (piece: string) => void;
}

export interface DaemonRequest {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd: string;
  /** Gets standard output and standard error, appended. */
  readonly logPath: string;
  /** `pipe`: the daemon sees the end of its input when this process dies, however it dies. */
  readonly stdin?: 'ignore' | 'pipe';
}

export interface Daemon {
  readonly pid: number;
  /** True until the kernel has reported its end to this process; the pid cannot be another's until then. */
  readonly running: boolean;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Says something on a piped standard input and closes it. */
  tell(text: string): void;
}

/** POSIX quoting: zx's own is bash's, and a slim system has only `sh`. */
const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** `exec` makes the shell become the program: its pid is the program's pid. */
const SHELL = { shell: '/bin/sh', prefix: 'exec ', postfix: '', quote, quiet: true, nothrow: true } as const;

const COULD_NOT_EXECUTE = new Set([126, 127]);

/** The path of a program, or undefined if the search path does not have it. */
export async function findProgram(name: string): Promise<string | undefined> {
  return (await which(name, { nothrow: true })) ?? undefined;
}

/**
 * Runs a program to its end. An exit code other than 0 is a result and not an error: callers know what it means.
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
      throw new KitError(`${command} did not end within ${timeoutMs} ms`, {
        code: 'PROGRAM_TIMEOUT',
        exitCode: EXIT.UNKNOWN,
      });
    }
    if (record.exitCode !== null && COULD_NOT_EXECUTE.has(record.exitCode)) {
      throw new KitError(`${command} could not be run: ${record.stderr.trim()}`, {
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

/** Starts a program that is to outlive this process. What ends it is its recorded identity (`local/identity.ts`). */
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
    input?.on('error', () => {}); // The daemon may be gone before it is told: then there is nobody to tell.
    child.unref();
    if (input !== null && 'unref' in input && typeof input.unref === 'function') input.unref();
    return {
      pid: child.pid,
      get running() {
        return alive;
      },
      ended,
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
    // Ended between the check and the signal.
  }
}
