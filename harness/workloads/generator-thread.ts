/**
 * The trial's handle on a generator in its worker thread. Every question has a bound; a thread that fails or ends
 * unasked makes `failed` reject, which ends the trial.
 */
import { Worker } from 'node:worker_threads';
import { KitError } from '../../config/errors.ts';
import { within } from '../until.ts';
import type { WrittenKey } from './issuer.ts';
import type { FromGenerator, GeneratorSetup, ToGenerator } from './protocol.ts';

export interface GeneratorThread {
  readonly client: string;
  /** Connected and prepared. */
  readonly ready: Promise<void>;
  /** The workload came to its own end. */
  readonly finished: Promise<void>;
  /** Never resolves; rejects when the generator failed. */
  readonly failed: Promise<never>;
  go(startUs: number): void;
  /** Resolves with the time of the first acknowledged write that was intended after `atUs`. */
  recoveredAfter(atUs: number): Promise<number>;
  probe(boundMs: number): Promise<{ readonly alive: boolean; readonly tookMs: number }>;
  /** Ends the load and returns what was written. */
  stop(drainMs: number): Promise<readonly WrittenKey[]>;
  /** Ends the thread whatever it does. Safe to call twice and after `stop`. */
  terminate(): Promise<void>;
}

export function startGeneratorThread(setup: GeneratorSetup): GeneratorThread {
  const { client } = setup.spec;
  // No inherited flags: a debugger's or a test runner's loader has no business in the thread that measures.
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: setup,
    name: `generator-${client}`,
    execArgv: [],
  });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  let expected = false;
  const fail = (message: string, cause?: unknown) =>
    failed.reject(new KitError(`generator of ${client}: ${message}`, { code: 'GENERATOR_FAILED', cause }));
  worker.on('message', (message: FromGenerator) => {
    if (message.type === 'failed') fail(message.message);
  });
  worker.on('error', (error) => fail(error.message, error));
  worker.on('exit', (code) => {
    if (!expected) fail(`its thread ended by itself with code ${code}`);
  });

  const said = <T extends FromGenerator['type']>(type: T) =>
    new Promise<Extract<FromGenerator, { type: T }>>((resolve) => {
      const listener = (message: FromGenerator) => {
        if (message.type !== type) return;
        worker.off('message', listener);
        resolve(message as Extract<FromGenerator, { type: T }>);
      };
      worker.on('message', listener);
    });
  const orFailed = <T>(promise: Promise<T>) => Promise.race([promise, failed.promise]);
  const ask = (message: ToGenerator) => worker.postMessage(message);
  const ready = orFailed(said('ready').then(() => undefined));
  const finished = orFailed(said('finished').then(() => undefined));
  ready.catch(() => undefined);
  finished.catch(() => undefined);

  return {
    client,
    ready,
    finished,
    failed: failed.promise,
    go: (startUs) => ask({ type: 'go', startUs }),
    recoveredAfter(atUs) {
      const recovered = said('recovered').then((message) => message.atUs);
      ask({ type: 'injected', atUs });
      return orFailed(recovered);
    },
    async probe(boundMs) {
      const answer = said('probed');
      ask({ type: 'probe', boundMs });
      return within(`the final probe of ${client}`, orFailed(answer), { boundMs: boundMs + 2_000 });
    },
    async stop(drainMs) {
      const answer = said('stopped');
      expected = true;
      ask({ type: 'stop', drainMs });
      const { written } = await within(`the generator of ${client} to stop`, orFailed(answer), {
        boundMs: drainMs + 5_000,
      });
      return written;
    },
    async terminate() {
      expected = true;
      await worker.terminate();
    },
  };
}
