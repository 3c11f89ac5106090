/**
 * Cleans up resources that must not outlive this process, even if it is killed by SIGKILL: private data in a folder,
 * and a process whose working directory is in that folder. A shell reads from a pipe that only this process holds open,
 * as the reaper of local environments does (`substrates/local/reaper.ts`).
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { type Daemon, startDaemon } from './process.ts';

const DONE = 'done';

/** Script that the shell runs. Without /proc, it identifies the process only by its pid, not by its folder. */
const CLEAN_UP = `read -r word
[ "$word" = ${DONE} ] && exit
case "$(readlink "/proc/$2/cwd")" in "$1"*) kill -9 "$2" ;; esac
[ -z "$2" ] || [ -e /proc/self ] || kill -9 "$2"
rm -rf "$1"`;

/**
 * Removes the folder when this process ends, and kills the process `pid` if its working directory is in the folder.
 *
 * @returns a function to call once the folder and the process no longer exist
 */
export function cleanUpAtDeath(dir: string, pid?: number): () => void {
  const args = [
    '-c',
    CLEAN_UP,
    'kit-clean-up',
    realpathSync(dir),
    ...(pid === undefined ? [] : [String(pid)]),
  ];
  const guard: Daemon = startDaemon({
    command: '/bin/sh',
    args,
    cwd: '/',
    logPath: '/dev/null',
    stdin: 'pipe',
  });
  return () => guard.tell(`${DONE}\n`);
}

/** A private folder that is removed on disposal, and when this process ends for any reason. */
export interface TemporaryDir extends Disposable {
  readonly path: string;
}

/** Creates a folder with mode 0700. @param prefix start of the folder's path */
export function openTemporaryDir(prefix: string): TemporaryDir {
  const path = mkdtempSync(prefix);
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  try {
    const dismiss = cleanUpAtDeath(path);
    return {
      path,
      [Symbol.dispose]: () => {
        remove();
        dismiss();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
