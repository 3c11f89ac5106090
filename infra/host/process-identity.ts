/**
 * Identity of a process: pid and start time, because pids are reused. On Linux it includes the boot id, since start
 * times are counted from the boot. Both substrates record it. A process is signalled only while its identity matches;
 * processes are never looked up by name.
 *
 * If neither `/proc` nor `ps` shows a process with that pid (another user's under `hidepid`, no `ps` installed), the
 * kernel still reports whether the pid exists. Such a process counts as running, and is never signalled.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { KitError } from '../../config/errors.ts';
import { readIfReadable } from './disk.ts';
import { runProgram } from './process.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** `<ticks since boot>@<boot id>` on Linux, the start date in UTC elsewhere, `unknown` if neither can be read. */
  readonly start: string;
}

export type ProcessState = 'running' | 'stopped' | 'gone';

interface ObservedProcess {
  readonly start: string;
  readonly state: ProcessState;
}

/** Returns the identity of a running process, or undefined if the pid does not exist. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const seen = await inspectProcess(pid);
  return seen === undefined || seen.state === 'gone' ? undefined : { pid, start: seen.start };
}

const UNKNOWN = 'unknown';

let ownIdentity: Promise<ProcessIdentity> | undefined;

/** Returns the identity of this process. */
export function ownProcess(): Promise<ProcessIdentity> {
  ownIdentity ??= identify(process.pid).then((found) => found ?? { pid: process.pid, start: UNKNOWN });
  return ownIdentity;
}

/**
 * Returns the state of the recorded process. `gone` includes a zombie and a pid that now belongs to another process. If
 * a start time is unknown, a process with that pid counts as the recorded one: a live run must not be ended.
 */
export async function stateOf(recorded: ProcessIdentity): Promise<ProcessState> {
  const seen = await inspectProcess(recorded.pid);
  if (seen === undefined) return 'gone';
  return isSame(recorded, seen) ? seen.state : 'gone';
}

const isSame = (recorded: ProcessIdentity, { start }: ObservedProcess): boolean =>
  [recorded.start, start].includes(UNKNOWN) || recorded.start === start;

export async function isAlive(recorded: ProcessIdentity): Promise<boolean> {
  return (await stateOf(recorded)) !== 'gone';
}

/** Signals the recorded process. @returns false if it has ended, or its identity cannot be read */
export async function signalProcess(recorded: ProcessIdentity, signal: NodeJS.Signals): Promise<boolean> {
  const seen = await inspectProcess(recorded.pid);
  if (seen === undefined || seen.state === 'gone') return false;
  if (seen.start === UNKNOWN || seen.start !== recorded.start) return false;
  try {
    process.kill(recorded.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits until the process is in the state. @returns false after the timeout */
export async function awaitState(
  recorded: ProcessIdentity,
  wanted: ProcessState,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if ((await stateOf(recorded)) === wanted) return true;
    if (performance.now() > deadline) return false;
    await delay(5);
  }
}

/**
 * Stops a process: SIGTERM and, if it does not exit within the grace period, SIGKILL. A suspended process is resumed so
 * that it can handle the SIGTERM.
 *
 * @returns false if it had already ended
 */
export async function endProcess(recorded: ProcessIdentity, graceMs: number): Promise<boolean> {
  if (!(await signalProcess(recorded, 'SIGTERM'))) return false;
  await signalProcess(recorded, 'SIGCONT');
  if (!(await awaitState(recorded, 'gone', graceMs))) {
    await signalProcess(recorded, 'SIGKILL');
    await awaitState(recorded, 'gone', 5_000);
  }
  return true;
}

const bootId = (readIfReadable('/proc/sys/kernel/random/boot_id') ?? '').slice(0, 8);

async function inspectProcess(pid: number): Promise<ObservedProcess | undefined> {
  // Synchronous (the kernel answers from memory), so that no event loop turn occurs between a spawn and its record.
  const stat = process.platform === 'linux' ? readIfReadable(`/proc/${pid}/stat`) : undefined;
  if (stat !== undefined) return parseProcStat(stat, bootId);
  const seen = process.platform === 'linux' ? undefined : await sightPs(pid);
  return seen ?? (processExists(pid) ? { start: UNKNOWN, state: 'running' } : undefined);
}

/** Returns whether the pid exists. EPERM means that the process exists and belongs to another user. */
function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Parses a line of `/proc/<pid>/stat` (proc(5)): field 3 is the state, field 22 the start time. Field 2, the name, may
 * contain spaces and parentheses, so fields are counted from the last closing parenthesis.
 */
export function parseProcStat(stat: string, boot: string): ObservedProcess | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [letter, ticks] = [fields[0], fields[19]];
  if (letter === undefined || ticks === undefined) return undefined;
  return { start: `${ticks}@${boot}`, state: stateOfLetter(letter) };
}

/** Parses the output of `ps -o state=,lstart=`. */
export function parsePs(line: string): ObservedProcess | undefined {
  const match = /^\s*(\S)\S*\s+(\S.*?)\s*$/.exec(line);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { start: match[2], state: stateOfLetter(match[1]) };
}

/** Environment variables for `ps`: the format of a date depends on the locale and the time zone of the terminal. */
const PS_ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' };

async function sightPs(pid: number): Promise<ObservedProcess | undefined> {
  const args = ['-o', 'state=,lstart=', '-p', String(pid)];
  try {
    const ps = await runProgram({ command: 'ps', args, env: PS_ENVIRONMENT });
    return ps.exitCode === 0 ? parsePs(ps.stdout) : undefined;
  } catch (error) {
    // No ps, or a timeout.
    if (error instanceof KitError) return undefined;
    throw error;
  }
}

/**
 * Converts a state letter to a state. A zombie (Z) has ended, even if its exit code has not been collected, as is
 * common in containers without an init.
 */
function stateOfLetter(letter: string): ProcessState {
  if (letter === 'Z' || letter === 'X') return 'gone';
  return letter === 'T' ? 'stopped' : 'running';
}
