import { readlinkSync } from 'node:fs';

/**
 * Path of the calling thread's `schedstat` for other threads of this process; undefined if the system has none (not
 * Linux).
 */
export function schedstatPath(): string | undefined {
  try {
    const [, task, tid] = readlinkSync('/proc/thread-self').split('/');
    return task === 'task' && tid !== undefined ? `/proc/self/task/${tid}/schedstat` : undefined;
  } catch {
    return undefined;
  }
}
