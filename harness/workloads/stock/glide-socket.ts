/**
 * Removes the socket of GLIDE. Its native part listens on a Unix socket until the process ends, and leaves the file
 * behind. GLIDE has no function that removes it, and the path contains the process id.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

let isRegistered = false;

/** Removes the socket when this process ends. To be called in the main thread; a second call has no effect. */
export function removeGlideSocketAtExit(): void {
  if (isRegistered) return;
  isRegistered = true;
  process.on('exit', removeGlideSocket);
}

/** Returns the paths of the sockets of this process, in the runtime folder of the user or in /tmp. */
export function glideSockets(): readonly string[] {
  const dirs = [`/run/user/${process.getuid?.()}`, '/tmp'].filter((dir) => existsSync(dir));
  const isOwn = (name: string) => name.startsWith(`glide-socket-${process.pid}-`) && name.endsWith('.sock');
  return dirs.flatMap((dir) =>
    readdirSync(dir)
      .filter(isOwn)
      .map((name) => join(dir, name)),
  );
}

/** Removes the socket. No client of this process can be opened afterwards. */
export function removeGlideSocket(): void {
  for (const path of glideSockets()) rmSync(path, { force: true });
}
