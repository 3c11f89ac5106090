/**
 * What happens to running environments when this process exits, whatever path it takes out (an uncaught error, a call of
 * `process.exit`): the nodes of ephemeral ones are killed at once, paused nodes of the others are continued. Exit handlers
 * cannot wait; the reaper removes the files. A SIGKILL of this process skips even this: then the reaper does it all.
 */
import type { Daemon } from '../process.ts';

const doomed = new Set<Daemon>();
const paused = new Set<number>();
let installed = false;

/** Kills the daemon when this process exits, unless it has ended by then. @returns call when it is to stay */
export function endAtExit(daemon: Daemon): () => void {
  install();
  doomed.add(daemon);
  void daemon.ended.then(() => doomed.delete(daemon));
  return () => doomed.delete(daemon);
}

/** Continues the process when this one exits. @returns call when it has been continued */
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
    // Gone already.
  }
}
