/**
 * The trial's handle on a generator in its worker thread. Every request has a time limit; a thread that fails or ends
 * unexpectedly makes `failed` reject, which ends the trial.
 */
import { Worker } from 'node:worker_threads';
import { KitError } from '../../config/errors.ts';
import { moduleUrl } from '../../config/installation.ts';
import { withTimeout } from '../wait.ts';
import type { ClosingRead, ClosingWrite } from './closing.ts';
import type { WrittenKey } from './issuer.ts';
import type { FromGenerator, GeneratorSetup, ToGenerator } from './protocol.ts';
import { removeGlideSocketAtExit } from './stock/glide-socket.ts';

/** Time limit for a closing request, in ms: longer than each operation of the closing phase may take. */
const CLOSING_BOUND_MS = 5_000;

type GeneratorMessage<T extends FromGenerator['type']> = Extract<FromGenerator, { type: T }>;

export class GeneratorThread {
  readonly client: string;
  /** Resolves with the threads to watch once the generator is connected and prepared. */
  readonly ready: Promise<GeneratorMessage<'ready'>>;
  /** Resolves when the workload is complete. */
  readonly finished: Promise<unknown>;
  /** Never resolves; rejects if the generator failed. */
  readonly failed: Promise<never>;
  readonly #worker: Worker;
  #endExpected = false;

  constructor(setup: GeneratorSetup) {
    this.client = setup.spec.client;
    if (this.client === 'glide') removeGlideSocketAtExit();
    // The thread inherits no flags: the loader of a debugger or a test runner must not run in the measuring thread.
    this.#worker = new Worker(moduleUrl('./worker', import.meta.url), {
      workerData: setup,
      name: `generator-${this.client}`,
      execArgv: [],
    });
    this.failed = this.#failure();
    this.ready = this.#heard('ready');
    this.finished = this.#heard('finished');
    for (const promise of [this.failed, this.ready, this.finished]) promise.catch(() => undefined);
  }

  go(startUs: number): void {
    this.#say({ type: 'go', startUs });
  }

  /** Resolves with the time of the first acknowledged write that was intended after `atUs`. */
  async recoveredAfter(atUs: number): Promise<number> {
    const recovered = this.#heard('recovered');
    this.#say({ type: 'injected', atUs });
    return (await recovered).atUs;
  }

  /** Performs the writes of the closing phase. */
  async closeWrite(round: number): Promise<readonly ClosingWrite[]> {
    const written = this.#heard('closing-written');
    this.#say({ type: 'close-write', round });
    return (await withTimeout(`the closing writes of ${this.client}`, written, { boundMs: CLOSING_BOUND_MS }))
      .writes;
  }

  /** Performs the reads of the closing phase. */
  async closeRead(names: readonly string[]): Promise<readonly ClosingRead[]> {
    const read = this.#heard('closing-read');
    this.#say({ type: 'close-read', names });
    return (await withTimeout(`the closing reads of ${this.client}`, read, { boundMs: CLOSING_BOUND_MS }))
      .reads;
  }

  /** Ends the load and returns the written keys. */
  async stop(drainMs: number): Promise<readonly WrittenKey[]> {
    const stopped = this.#heard('stopped');
    this.#endExpected = true;
    this.#say({ type: 'stop', drainMs });
    const boundMs = drainMs + 5_000;
    return (await withTimeout(`the generator of ${this.client} to stop`, stopped, { boundMs })).written;
  }

  /** Stops the thread in any state. Safe to call twice and after `stop`. */
  async terminate(): Promise<void> {
    this.#endExpected = true;
    await this.#worker.terminate();
  }

  #say(message: ToGenerator): void {
    this.#worker.postMessage(message);
  }

  /** Returns the next message of a type; rejects if the generator fails. */
  #heard<T extends FromGenerator['type']>(type: T): Promise<GeneratorMessage<T>> {
    const said = new Promise<GeneratorMessage<T>>((resolve) => {
      const listener = (message: FromGenerator) => {
        if (message.type !== type) return;
        this.#worker.off('message', listener);
        resolve(message as GeneratorMessage<T>);
      };
      this.#worker.on('message', listener);
    });
    return Promise.race([said, this.failed]);
  }

  #failure(): Promise<never> {
    return new Promise((_, reject) => {
      const fail = (message: string, cause?: unknown) =>
        reject(new KitError(`generator of ${this.client}: ${message}`, { code: 'GENERATOR_FAILED', cause }));
      this.#worker.on('message', (message: FromGenerator) => {
        if (message.type === 'failed') fail(message.message);
      });
      this.#worker.on('error', (error) => fail(error.message, error));
      this.#worker.on('exit', (code) => {
        if (!this.#endExpected) fail(`its thread ended unexpectedly with code ${code}`);
      });
    });
  }
}
