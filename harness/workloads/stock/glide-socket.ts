/**
 * Removes GLIDE's socket. GLIDE's native part listens on a Unix socket until the process ends, and leaves the socket
 * file behind. GLIDE has no function that removes the file, whose path contains the process ID.
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

/** Returns the paths of the sockets of this process, in the user's runtime folder or in /tmp. */
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
