/** CPU time of the calling thread, on every supported Node. */
import { readFileSync } from 'node:fs';

/**
 * Milliseconds since the start of the thread; null where the system does not provide them.
 *
 * @param usage function of Node 23.9 and later; null: asks Linux
 */
export function readThreadCpuMs(
  usage: (() => NodeJS.CpuUsage) | null = process.threadCpuUsage?.bind(process) ?? null,
): number | null {
  if (usage !== null) {
    const { user, system } = usage();
    return (user + system) / 1_000;
  }
  try {
    // Nanoseconds that the thread ran, waited, and the number of its time slices.
    const ranNs = Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
    return Number.isFinite(ranNs) ? ranNs / 1_000_000 : null;
  } catch {
    return null;
  }
}
