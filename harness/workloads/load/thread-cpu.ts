/** CPU time of the calling thread, on every supported version of Node.js. */
import { readFileSync } from 'node:fs';

/**
 * Returns the CPU time of the thread in milliseconds since its start; null if the system does not provide it.
 *
 * @param usage function in Node.js 23.9 and later; null to read the time from Linux
 */
export function readThreadCpuMs(
  usage: (() => NodeJS.CpuUsage) | null = process.threadCpuUsage?.bind(process) ?? null,
): number | null {
  if (usage !== null) {
    const { user, system } = usage();
    return (user + system) / 1_000;
  }
  try {
    // The fields are the time that the thread ran and the time that it waited, both in nanoseconds, and its number of
    // time slices.
    const ranNs = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
    return Number.isFinite(ranNs) ? ranNs / 1_000_000 : null;
  } catch {
    return null;
  }
}
