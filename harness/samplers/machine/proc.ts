/**
 * Parses the text of Linux's /proc files into numbers: CPU time, runnable threads, pressure, and the time that a thread
 * waited for a CPU. Pure.
 */

/** Linux counts CPU time in hundredths of a second (USER_HZ), regardless of the kernel's own tick. */
const MS_PER_TICK = 10;

export interface CpuTimes {
  /** CPU time of all cores since boot, in ms, by category. */
  readonly busyMs: number;
  readonly idleMs: number;
  /** Time, in ms, in which a virtual CPU was ready but the hypervisor ran something else. */
  readonly stealMs: number;
  /** Number of threads that run or wait for a CPU at the moment of reading. */
  readonly runnable: number;
}

/** Parses `/proc/stat`; returns undefined if it lacks the fields. */
export function parseStat(text: string): CpuTimes | undefined {
  const cpu = /^cpu +(.+)$/m.exec(text)?.[1]?.trim().split(/\s+/).map(Number);
  const runnable = Number(/^procs_running (\d+)$/m.exec(text)?.[1]);
  if (cpu === undefined || cpu.length < 8 || cpu.some(Number.isNaN) || Number.isNaN(runnable))
    return undefined;
  // guest and guest_nice are part of user and nice.
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0, steal = 0] = cpu;
  return {
    busyMs: (user + nice + system + irq + softIrq) * MS_PER_TICK,
    idleMs: (idle + ioWait) * MS_PER_TICK,
    stealMs: steal * MS_PER_TICK,
    runnable,
  };
}

/**
 * Parses `/proc/pressure/cpu`: returns the total time since boot, in ms, during which at least one thread waited for a
 * CPU; undefined if the field is missing.
 */
export function parsePressure(text: string): number | undefined {
  const us = Number(/^some .*total=(\d+)$/m.exec(text)?.[1]);
  return Number.isNaN(us) ? undefined : us / 1_000;
}

/** Parses `/proc/loadavg`: returns the one-minute load average. */
export function parseLoad(text: string): number | undefined {
  const load = Number(text.split(' ')[0]);
  return text === '' || Number.isNaN(load) ? undefined : load;
}

/** Time, in ms, that a thread has spent on a CPU and waiting for a CPU since it started. */
export interface Scheduling {
  readonly ranMs: number;
  readonly waitedMs: number;
}

/**
 * Parses `/proc/<pid>/schedstat`; returns undefined if the kernel does not record these times (all are zero) or the
 * text has a different format.
 */
export function parseSchedstat(text: string): Scheduling | undefined {
  const [ran, waited, slices] = text.trim().split(/\s+/).map(Number);
  if (ran === undefined || waited === undefined || !(ran >= 0) || !(waited >= 0)) return undefined;
  return ran === 0 && waited === 0 && slices === 0 ? undefined : { ranMs: ran / 1e6, waitedMs: waited / 1e6 };
}
