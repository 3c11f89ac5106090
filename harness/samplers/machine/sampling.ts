/**
 * Samples the machine during one trial, in a thread that does nothing else: timer lateness, the round trip of a bare
 * PING and the part of it spent waiting for a CPU, CPU use, and the time that each watched thread waited for a CPU.
 *
 *   tick (every 10 ms) ─▶ lateness, a PING every `everyMs`, an fsync every 200 ms
 *     ─▶ window (every 100 ms) ─▶ one line of the history
 *
 * The samples do not depend on any client or result. Data that the system does not provide (not Linux, process not
 * visible) is absent and listed in `facts`.
 */
import { availableParallelism } from 'node:os';
import { type Clock, openClock } from '../../history/clock.ts';
import { openRecorder, type Recorder } from '../../history/recorder.ts';
import { waitUntil } from '../../wait.ts';
import { type Control, openControl } from './control.ts';
import { DiskControl } from './disk.ts';
import {
  type CpuTimes,
  parseLoad,
  parsePressure,
  parseSchedstat,
  parseStat,
  type Scheduling,
} from './proc.ts';
import { readProcFile, threadPathsOf } from './processes.ts';
import type { WatchedThreads, WatchRequest } from './protocol.ts';

const TICK_US = 10_000;
const WINDOW_US = 100_000;
/** Interval, in ticks, at which the run queue is read. Each reading is a snapshot, so a window has several. */
const STAT_EVERY_TICKS = 5;
const LOAD_EVERY_WINDOWS = 10;
const FSYNC_EVERY_TICKS = 20;
/** Maximum wait, in ms, for the connection of the control measurement. */
const CONTROL_BOUND_MS = 2_000;
const OWN_THREAD = '/proc/thread-self/schedstat';
/**
 * Resolution of Node.js timers. Timers are up to 1 ms late even on an idle machine, so only lateness beyond this value
 * is attributed to the machine.
 */
const TIMER_RESOLUTION_MS = 1;

/**
 * Returns the part of a round trip, in milliseconds, that the machine added: the lateness of the timer beyond its
 * resolution, and waits for a CPU.
 */
export function machinePartMs(tookMs: number, lateMs: number, waitedMs: number): number {
  return Math.min(tookMs, Math.max(0, lateMs - TIMER_RESOLUTION_MS) + waitedMs);
}

/** Sums since the last window. */
interface Window {
  beganUs: number;
  timers: number[];
  control: number[];
  controlMachine: number[];
  disk: number[];
  runnable: number[];
}

/**
 * A PING in flight, with its due times, and with the time that each thread on its path had waited for a CPU when the
 * PING was sent.
 */
interface Asked {
  readonly dueUs: number[];
  readonly sentUs: number;
  readonly waits: PathWaits;
}

export class MachineSampling {
  readonly #request: WatchRequest;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  readonly #control: Control | undefined;
  readonly #disk: DiskControl;
  readonly #onGone: (name: string) => void;
  readonly #threads = new Map<string, string>();
  readonly #scheduling = new Map<string, Scheduling>();
  readonly #everyTicks: number;
  #timer: NodeJS.Timeout | undefined;
  #dueUs: number;
  #ticks = 0;
  #windows = 0;
  #window: Window;
  #asked: Asked | undefined;
  #cpu: CpuTimes | undefined;
  #ownCpu = process.cpuUsage();
  #pressureMs: number | undefined;
  #failure: Error | undefined;

  /** @param onGone called once when the process of a watched thread has ended */
  constructor(request: WatchRequest, onGone: (name: string) => void) {
    this.#request = request;
    this.#onGone = onGone;
    this.#clock = openClock(request.originNs);
    this.#recorder = openRecorder(request.historyPath, (error) => {
      this.#failure = error;
    });
    this.#control = request.control && openControl(request.control);
    this.#disk = new DiskControl(`${request.historyPath}.fsync`);
    this.#everyTicks = Math.max(1, Math.round(((request.control?.everyMs ?? 0) * 1_000) / TICK_US));
    this.watch(request.threads);
    this.#dueUs = this.#clock.nowUs() + TICK_US;
    this.#window = this.#emptyWindow();
    this.#cpu = readCpuTimes();
    this.#pressureMs = readPressure();
    this.#recordFacts();
    this.#schedule();
  }

  /** Adds threads, or replaces them by name. */
  watch(threads: WatchedThreads): void {
    for (const [name, path] of Object.entries(threads)) {
      this.#threads.set(name, path);
      this.#scheduling.delete(name);
      const now = readScheduling(path);
      if (now !== undefined) this.#scheduling.set(name, now);
    }
  }

  /**
   * Writes the last window.
   * @throws Error if a line could not be written
   */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#flush(this.#clock.nowUs());
    this.#control?.close();
    await this.#disk.close();
    await this.#recorder.close();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #schedule(): void {
    const waitMs = Math.max(0, (this.#dueUs - this.#clock.nowUs()) / 1_000);
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }

  #tick(): void {
    const nowUs = this.#clock.nowUs();
    // After a stall, every missed tick counts as a sample, so that a share of the samples is a share of the time.
    while (this.#dueUs <= nowUs) {
      this.#window.timers.push((nowUs - this.#dueUs) / 1_000);
      if (this.#ticks % this.#everyTicks === 0) this.#ask(this.#dueUs);
      this.#ticks++;
      this.#dueUs += TICK_US;
    }
    if (this.#ticks % FSYNC_EVERY_TICKS === 0) {
      this.#disk.ask(
        () => this.#clock.nowUs() / 1_000,
        (tookMs) => this.#window.disk.push(tookMs),
      );
    }
    if (this.#ticks % STAT_EVERY_TICKS === 0) {
      const seen = readCpuTimes();
      // This thread is not counted.
      if (seen !== undefined) this.#window.runnable.push(Math.max(0, seen.runnable - 1));
    }
    if (nowUs - this.#window.beganUs >= WINDOW_US) this.#flush(nowUs);
    this.#schedule();
  }

  /**
   * Resolves once the control measurement is connected, or after a time limit: a drill that counts connections starts
   * only afterwards.
   */
  async connected(): Promise<void> {
    const control = this.#control;
    if (control === undefined) return;
    const wait = { boundMs: CONTROL_BOUND_MS };
    await waitUntil('the control measurement to connect', async () => control.isIdle, wait).catch(
      () => undefined,
    );
  }

  #ask(dueUs: number): void {
    if (this.#control === undefined) return;
    if (this.#asked !== undefined && !this.#control.isIdle) {
      this.#asked.dueUs.push(dueUs);
      return;
    }
    // Without a connection there is no sample.
    this.#asked = undefined;
    if (!this.#control.isIdle) return;
    const waits = this.#pathWaits();
    this.#asked = { dueUs: [dueUs], sentUs: this.#clock.nowUs(), waits };
    this.#control.ask(() => this.#answered());
  }

  #answered(): void {
    const asked = this.#asked;
    const nowUs = this.#clock.nowUs();
    if (asked === undefined) return;
    this.#asked = undefined;
    const waitedMs = waitedSince(asked.waits, this.#pathWaits());
    for (const dueUs of asked.dueUs) {
      const tookMs = (nowUs - dueUs) / 1_000;
      const lateMs = (asked.sentUs - dueUs) / 1_000;
      this.#window.control.push(tookMs);
      this.#window.controlMachine.push(machinePartMs(tookMs, lateMs, waitedMs));
    }
  }

  /** Reads how long each thread on the path of a PING has waited for a CPU. */
  #pathWaits(): PathWaits {
    const { controlThread = '', controlForwarder } = this.#request;
    const server = this.#threads.get(controlThread);
    return {
      ends: readWaits(server === undefined ? [OWN_THREAD] : [OWN_THREAD, server]),
      forwarder: readWaits(controlForwarder === undefined ? [] : threadPathsOf(controlForwarder)),
    };
  }

  #flush(nowUs: number): void {
    const { timers, control, controlMachine, disk, runnable } = this.#window;
    const { waits, ranMs } = this.#waits();
    const load =
      this.#windows++ % LOAD_EVERY_WINDOWS === 0 ? parseLoad(readProcFile('/proc/loadavg')) : undefined;
    this.#recorder.record({
      type: 'observe',
      from: 'machine',
      name: 'window',
      atUs: nowUs,
      data: {
        fromUs: this.#window.beganUs,
        timersMs: joinNumbers(timers),
        controlMs: joinNumbers(control),
        controlMachineMs: joinNumbers(controlMachine),
        diskMs: joinNumbers(disk),
        ...(runnable.length > 0 && { runnable: roundMs(meanOf(runnable)) }),
        ...this.#cpuSince(ranMs),
        ...(load !== undefined && { load }),
        waitsMs: waits.map(([name, ms]) => `${name}=${roundMs(ms)}`).join(' '),
      },
    });
    this.#window = this.#emptyWindow(nowUs);
  }

  /**
   * Returns how long each thread waited for a CPU since the last window, and the CPU time of the threads in other
   * processes.
   */
  #waits(): { readonly waits: readonly (readonly [string, number])[]; readonly ranMs: number } {
    const waits: (readonly [string, number])[] = [];
    let ranMs = 0;
    for (const [name, path] of this.#threads) {
      const before = this.#scheduling.get(name);
      const now = readScheduling(path);
      if (now === undefined) {
        if (before !== undefined) this.#onGone(name);
        this.#scheduling.delete(name);
        continue;
      }
      this.#scheduling.set(name, now);
      if (before === undefined) continue;
      waits.push([name, Math.max(0, now.waitedMs - before.waitedMs)]);
      if (!path.startsWith('/proc/self/')) ranMs += Math.max(0, now.ranMs - before.ranMs);
    }
    return { waits, ranMs };
  }

  /** Returns the CPU use since the last window; empty if the system does not provide it. */
  #cpuSince(ranMs: number): Readonly<Record<string, number>> {
    const [before, now] = [this.#cpu, readCpuTimes()];
    const used = process.cpuUsage(this.#ownCpu);
    this.#cpu = now;
    this.#ownCpu = process.cpuUsage();
    const [pressureBefore, pressureNow] = [this.#pressureMs, readPressure()];
    this.#pressureMs = pressureNow;
    return {
      ...(before !== undefined &&
        now !== undefined && {
          busyMs: roundMs(Math.max(0, now.busyMs - before.busyMs)),
          idleMs: roundMs(Math.max(0, now.idleMs - before.idleMs)),
          stealMs: roundMs(Math.max(0, now.stealMs - before.stealMs)),
        }),
      ownMs: roundMs((used.user + used.system) / 1_000 + ranMs),
      ...(pressureBefore !== undefined &&
        pressureNow !== undefined && { pressureMs: roundMs(Math.max(0, pressureNow - pressureBefore)) }),
    };
  }

  #recordFacts(): void {
    const unsampled = [
      ...(this.#cpu === undefined ? ['CPU steal and run queue (no /proc/stat)'] : []),
      ...(this.#pressureMs === undefined ? ['CPU pressure (no /proc/pressure/cpu)'] : []),
      ...(readScheduling(OWN_THREAD) === undefined ? ['scheduling delay of any process (no schedstat)'] : []),
      ...(this.#control === undefined ? ['round trip of a bare PING (no master at the start)'] : []),
    ];
    const data = { cores: availableParallelism(), unsampled: unsampled.join('; ') };
    const atUs = this.#clock.nowUs();
    this.#recorder.record({ type: 'observe', from: 'machine', name: 'facts', atUs, data });
  }

  #emptyWindow(beganUs = this.#clock.nowUs()): Window {
    return { beganUs, timers: [], control: [], controlMachine: [], disk: [], runnable: [] };
  }
}

/** Time, in ms, that each thread has waited for a CPU since it started, by the path of its `schedstat` file. */
type Waits = ReadonlyMap<string, number>;

interface PathWaits {
  readonly ends: Waits;
  readonly forwarder: Waits;
}

/**
 * Returns the time, in ms, that a PING waited for a CPU. Only the forwarder thread that waited longest counts, because
 * the other threads of the forwarder may serve other connections at the same time.
 */
function waitedSince(before: PathWaits, now: PathWaits): number {
  const ends = sinceEach(before.ends, now.ends).reduce((sum, ms) => sum + ms, 0);
  return ends + Math.max(0, ...sinceEach(before.forwarder, now.forwarder));
}

/** A new thread counts from 0. */
function sinceEach(before: Waits, now: Waits): readonly number[] {
  return [...now].map(([path, ms]) => Math.max(0, ms - (before.get(path) ?? 0)));
}

function readWaits(paths: readonly string[]): Waits {
  return new Map(paths.map((path) => [path, readScheduling(path)?.waitedMs ?? 0]));
}

const readCpuTimes = (): CpuTimes | undefined => parseStat(readProcFile('/proc/stat'));
const readPressure = (): number | undefined => parsePressure(readProcFile('/proc/pressure/cpu'));
const readScheduling = (path: string): Scheduling | undefined => parseSchedstat(readProcFile(path));

function joinNumbers(values: readonly number[]): string {
  return values.map(roundMs).join(' ');
}

/** Rounds to two decimal places, which is 10 us and finer than any judged value. */
function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
