import { readlinkSync } from 'node:fs';

/**
 * Returns the path at which other threads of this process can read the calling thread's `schedstat`; undefined if the
 * system has none (not Linux).
 */
export function schedstatPath(): string | undefined {
  try {
    const [, task, tid] = readlinkSync('/proc/thread-self').split('/');
    return task === 'task' && tid !== undefined ? `/proc/self/task/${tid}/schedstat` : undefined;
  } catch {
    return undefined;
  }
}
