/**
 * Drives the load threads: starts them, runs steps on a common schedule, merges their results, and records the steps
 * with the merged results.
 *
 *   step ─▶ plan per thread ─▶ pacer ticks ─▶ threads send when due ─▶ results ─▶ one `load-step` and its histograms
 */
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import type { Clock } from '../../history/clock.ts';
import type { HistoryEvent } from '../../history/events.ts';
import { withTimeout } from '../../wait.ts';
import type { ClientSpec } from '../adapter.ts';
import { mergeResults } from './meter.ts';
import { PACER, type PacerSetup } from './pacer-state.ts';
import type {
  FromLoadThread,
  HeapSample,
  LoadSetup,
  StepPlan,
  StepRequest,
  ToLoadThread,
} from './protocol.ts';
import { cpuShares, readCpu, recordStep, type StepOutcome } from './step-record.ts';

/** Interval between ticks, in ms: a quarter of the lag that a step may have. */
const TICK_MS = 0.25;
/** Maximum time, in ms, until a thread is ready. Loading the client takes 1 s, or 12 s at a load average of 15. */
const READY_BOUND_MS = 60_000;
const PREPARE_BOUND_MS = 120_000;
const STOP_BOUND_MS = 5_000;
/** Maximum delay, in ms, of a thread that gets little CPU time. The lag shows the delay, and the step is flagged. */
const LATE_BOUND_MS = 60_000;
/** Lead time, in us, so that every thread has its plan before the schedule begins. */
const LEAD_US = 100_000;

export interface LoadOptions
  extends Omit<LoadSetup, 'spec' | 'originNs' | 'place' | 'ticking' | 'threads' | 'tag'> {
  /** Number of threads; 0 for one per core. */
  readonly threads: number;
  /** Maximum number of operations in flight per thread; operations above this limit are dropped. */
  readonly inFlightBound: number;
}

export interface LoadContext {
  readonly spec: ClientSpec;
  readonly clock: Clock;
  readonly tag: string;
  readonly signal: AbortSignal;
  readonly record: (event: HistoryEvent) => void;
}

type Reply<T extends FromLoadThread['type']> = Extract<FromLoadThread, { type: T }>;

export class LoadDriver {
  readonly #context: LoadContext;
  readonly #options: LoadOptions;
  readonly #threads: readonly Worker[];
  readonly #pacer: Worker;
  readonly #ticking: SharedArrayBuffer;
  readonly #control = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  #steps = 0;

  private constructor(context: LoadContext, options: LoadOptions) {
    this.#context = context;
    const threads = options.threads > 0 ? options.threads : availableParallelism();
    this.#options = { ...options, threads };
    this.#ticking = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * threads);
    const channels = Array.from({ length: threads }, () => new MessageChannel());
    this.#threads = channels.map(({ port2 }, place) => this.#start(place, port2));
    const ports = channels.map(({ port1 }) => port1);
    const setup: PacerSetup = { ports, ticking: this.#ticking, control: this.#control, tickMs: TICK_MS };
    this.#pacer = new Worker(moduleUrl('./pacer', import.meta.url), {
      ...{ workerData: setup, transferList: ports, name: 'load-pacer', execArgv: [] },
    });
  }

  /** Starts the threads. @throws KitError if a thread does not reach its master within 60 s */
  static async open(context: LoadContext, options: LoadOptions): Promise<LoadDriver> {
    const driver = new LoadDriver(context, options);
    try {
      const all = driver.#threads.map((thread) => heard(thread, 'ready'));
      await driver.#within('the load threads to connect', all, READY_BOUND_MS);
      return driver;
    } catch (error) {
      await driver[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Writes every key of the catalogue. */
  async prepare(): Promise<void> {
    const prepared = this.#ask('prepared', () => ({ type: 'prepare' }));
    await this.#within('the catalogue to be written', prepared, PREPARE_BOUND_MS);
  }

  /** Runs one step and records it. */
  async step(request: StepRequest): Promise<StepOutcome> {
    const { clock, record } = this.#context;
    const { drainMs = 1_000, durationMs, warmUpMs } = request;
    const plans = this.#plansOf(request, clock.nowUs() + LEAD_US);
    const before = readCpu();
    this.#pace(PACER.running);
    try {
      const stepped = this.#ask('stepped', (place) => ({
        ...{ type: 'step', plan: plans[place] as StepPlan, drainMs },
      }));
      const boundMs = 2 * (warmUpMs + durationMs + drainMs) + LATE_BOUND_MS;
      const results = await this.#within(`the load step ${request.name}`, stepped, boundMs);
      return recordStep({
        ...{ request, plans, record, step: ++this.#steps, atUs: clock.nowUs() },
        merged: mergeResults(results.map(({ result }) => result)),
        cpu: cpuShares(before, readCpu()),
      });
    } finally {
      this.#pace(PACER.paused);
    }
  }

  /** Returns the memory of all load threads after a garbage collection. */
  async sampleHeap(): Promise<HeapSample> {
    const sampled = this.#ask('sampled', () => ({ type: 'sample' }));
    const all = await this.#within('the heaps of the load threads', sampled, PREPARE_BOUND_MS);
    const sum = (name: keyof HeapSample) => all.reduce((total, { heap }) => total + heap[name], 0);
    return { heapBytes: sum('heapBytes'), externalBytes: sum('externalBytes') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = Promise.all(this.#ask('stopped', () => ({ type: 'stop' })));
    await withTimeout('the load threads to stop', stopped, { boundMs: STOP_BOUND_MS }).catch(() => undefined);
    this.#pace(PACER.ended);
    await Promise.all([...this.#threads, this.#pacer].map((thread) => thread.terminate()));
  }

  #start(place: number, ticks: MessagePort): Worker {
    const { spec, clock, tag } = this.#context;
    const setup: LoadSetup = {
      ...this.#options,
      ...{ spec, originNs: clock.originNs, tag, place, ticking: this.#ticking },
    };
    return new Worker(moduleUrl('./thread', import.meta.url), {
      ...{ workerData: { setup, ticks }, transferList: [ticks], name: `load-${place}`, execArgv: [] },
    });
  }

  /** Returns one plan per thread. Together, the plans have the requested rate. */
  #plansOf(request: StepRequest, startUs: number): readonly StepPlan[] {
    const { threads, seed } = this.#options;
    const { mix, perSecond, warmUpMs, durationMs, hotShare = 0, burst = 1 } = request;
    const { inFlightBound = this.#options.inFlightBound } = request;
    const count = Math.max(1, Math.round((perSecond * (warmUpMs + durationMs)) / 1_000 / threads));
    const fromUs = startUs + warmUpMs * 1_000;
    const endUs = fromUs + durationMs * 1_000;
    return this.#threads.map((_, place) => ({
      ...{ mix, hotShare, count, burst, inFlightBound, startUs, fromUs, endUs },
      seed: seed + this.#steps * threads + place,
    }));
  }

  #pace(state: (typeof PACER)[keyof typeof PACER]): void {
    const control = new Int32Array(this.#control);
    Atomics.store(control, 0, state);
    Atomics.notify(control, 0);
  }

  #ask<T extends FromLoadThread['type']>(
    reply: T,
    message: (place: number) => ToLoadThread,
  ): readonly Promise<Reply<T>>[] {
    return this.#threads.map((thread, place) => {
      const answered = heard(thread, reply);
      thread.postMessage(message(place));
      return answered;
    });
  }

  #within<T>(what: string, all: readonly Promise<T>[], boundMs: number): Promise<readonly T[]> {
    return withTimeout(what, Promise.all(all), { boundMs, signal: this.#context.signal });
  }
}

/** Returns the next reply of a type; rejects if the thread fails or ends. */
function heard<T extends FromLoadThread['type']>(thread: Worker, type: T): Promise<Reply<T>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: FromLoadThread) => {
      if (message.type === 'failed') settle(() => reject(failedError(message.message)));
      else if (message.type === type) settle(() => resolve(message as Reply<T>));
    };
    const onError = (error: Error) => settle(() => reject(failedError(error.message, error)));
    const onExit = (code: number) => settle(() => reject(failedError(`its thread ended with code ${code}`)));
    const settle = (act: () => void) => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      act();
    };
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

function failedError(message: string, cause?: unknown): KitError {
  return new KitError(`load thread: ${message}`, { code: 'GENERATOR_FAILED', cause });
}
