/**
 * Cleans up running environments when this process exits on any path (an uncaught error, a call to `process.exit`):
 * kills the nodes of ephemeral environments and resumes paused nodes of the others. Exit handlers cannot wait, so the
 * reaper removes the files. After a SIGKILL of this process, which skips exit handlers, the reaper does everything.
 */
import type { Daemon } from './process.ts';

const doomed = new Set<Daemon>();
const paused = new Set<number>();
let installed = false;

/**
 * Kills the daemon when this process exits, unless the daemon has already ended.
 * @returns a function that cancels the kill
 */
export function endAtExit(daemon: Daemon): () => void {
  install();
  doomed.add(daemon);
  void daemon.ended.then(() => doomed.delete(daemon));
  return () => doomed.delete(daemon);
}

/**
 * Resumes the given process when the current one exits.
 * @returns a function to call once it has been resumed
 */
export function continueAtExit(pid: number): () => void {
  install();
  paused.add(pid);
  return () => paused.delete(pid);
}

function install(): void {
  if (installed) return;
  installed = true;
  process.once('exit', () => {
    for (const pid of paused) signalQuietly(pid, 'SIGCONT');
    for (const daemon of doomed) if (daemon.running) signalQuietly(daemon.pid, 'SIGKILL');
  });
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has already ended.
  }
}
