/** Mounts a small volume (tmpfs) over a node's data folder, on the node's machine. Needs root. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../host/process.ts';
import type { DataFolder } from '../substrates/environment.ts';

export interface SmallVolume {
  /** Path at which this process reaches the mounted folder. */
  readonly path: string;
  /** Detaches the volume; later calls do nothing. Files that the node has open stay until it closes them. */
  unmount(): Promise<void>;
}

export async function mountSmallVolume(
  { path: data, pid }: DataFolder,
  options: { readonly name: string; readonly bytes: number },
): Promise<SmallVolume> {
  const folder = join(data, options.name);
  const path = pid === undefined ? folder : join(`/proc/${pid}/root`, folder);
  const { uid, gid } = statSync(path);
  const settings = `size=${options.bytes},uid=${uid},gid=${gid},mode=0700`;
  await run(pid, 'mount', '-t', 'tmpfs', '-o', settings, 'tmpfs', folder);
  let isMounted = true;
  const unmount = async () => {
    // A container that was restarted has another mount namespace, without the volume.
    const isGone = pid !== undefined && !existsSync(`/proc/${pid}`);
    if (isMounted && !isGone) await run(pid, 'umount', '-l', folder);
    isMounted = false;
  };
  return { path, unmount };
}

/**
 * Runs a command. In the mount namespace of a container, only the programs of that container exist; all node images
 * contain busybox.
 */
async function run(pid: number | undefined, ...words: readonly string[]): Promise<void> {
  const entering = ['nsenter', '--target', String(pid), '--mount', '--', 'busybox'];
  const [command = '', ...args] = pid === undefined ? words : [...entering, ...words];
  const { exitCode, stderr } = await runProgram({ command, args });
  if (exitCode !== 0) throw new Error(`${[command, ...args].join(' ')}: ${stderr.trim()}`);
}
