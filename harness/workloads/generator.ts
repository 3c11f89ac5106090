/**
 * One client's generator: connects, prepares, runs the workload's schedule, answers the trial's messages, and ends.
 * `worker.ts` runs it in its own thread; tests run it on a port. The client is in another thread (`client-thread.ts`).
 */
import { type Clock, openClock } from '../history/clock.ts';
import type { InvokeEvent } from '../history/events.ts';
import { openRecorder, type Recorder } from '../history/recorder.ts';
import { withTimeout } from '../wait.ts';
import { type ClientModule, loadClient } from './client-module.ts';
import { type ClientThread, openClientThread } from './client-thread.ts';
import { closingReads, closingWrites } from './closing.ts';
import type { GeneratedWorkload, GeneratorContext } from './generated.ts';
import { Issuer } from './issuer.ts';
import { type LatenessMeter, latenessMeter } from './lateness.ts';
import type { FromGenerator, GeneratorSetup, Port, ToGenerator } from './protocol.ts';
import { seededRandom } from './random.ts';
import { schedstatPath } from './schedstat-path.ts';

/**
 * Time limit, in ms, for a client to reach a healthy master. If the client exceeds it, the trial fails, because no
 * fault can be the cause.
 */
const CONNECT_BOUND_MS = 10_000;
/** Time limit for one operation of the closing phase, in ms; longer than the deadline of a command (1 s). */
const CLOSING_BOUND_MS = 1_500;

type Handlers = {
  readonly [T in ToGenerator['type']]: (message: Extract<ToGenerator, { type: T }>) => Promise<void> | void;
};

/** Serves a generator on a port until it is stopped. Failures are posted, never thrown. */
export async function serveGenerator(
  port: Port,
  setup: GeneratorSetup,
  workload: GeneratedWorkload,
): Promise<void> {
  try {
    const client = await loadClient(setup.spec);
    await new Generator(port, setup, workload, client).serve();
  } catch (error) {
    port.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}

class Generator {
  readonly #port: Port;
  readonly #setup: GeneratorSetup;
  readonly #workload: GeneratedWorkload;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  readonly #client: ClientModule;
  readonly #adapter: ClientThread;
  readonly #lateness: LatenessMeter;
  readonly #issuer: Issuer;
  readonly #stopping = new AbortController();
  /** Start of the current fault; reset to undefined when a write that was intended after this time is acknowledged. */
  #awaitingWriteSinceUs: number | undefined;

  constructor(port: Port, setup: GeneratorSetup, workload: GeneratedWorkload, module: ClientModule) {
    const { client } = setup.spec;
    this.#client = module;
    this.#port = port;
    this.#setup = setup;
    this.#workload = workload;
    const clock = openClock(setup.originNs);
    const recorder = openRecorder(setup.historyPath, (error) => this.#fail(error));
    const { record } = recorder;
    const adapter = openClientThread({
      spec: setup.spec,
      originNs: setup.originNs,
      onEvent: ({ name, atUs, data }) =>
        record({ type: 'observe', from: 'client', name, client, atUs, data }),
      onFailure: (error) => this.#fail(error),
    });
    const lateness = latenessMeter(client, clock, record);
    const { inFlightBound } = setup;
    this.#clock = clock;
    this.#recorder = recorder;
    this.#adapter = adapter;
    this.#lateness = lateness;
    this.#issuer = new Issuer({
      ...{ adapter, clock, record, lateness, inFlightBound },
      onAcknowledged: (invoke) => this.#acknowledged(invoke),
    });
  }

  async serve(): Promise<void> {
    const { client } = this.#setup.spec;
    const stopped = Promise.withResolvers<void>();
    const handlers: Handlers = {
      go: ({ startUs }) => this.#run(startUs),
      injected: ({ atUs }) => {
        this.#awaitingWriteSinceUs = atUs;
      },
      'close-write': ({ round }) => this.#closeWrite(round),
      'close-read': async ({ names }) => {
        const reads = await closingReads(this.#adapter, names, CLOSING_BOUND_MS);
        this.#post({ type: 'closing-read', reads });
      },
      stop: ({ drainMs }) => this.#stop(drainMs).finally(stopped.resolve),
    };
    this.#port.on('message', (message) => {
      const handle = handlers[message.type] as (message: ToGenerator) => Promise<void> | void;
      Promise.resolve(handle(message)).catch((error: unknown) => this.#fail(error));
    });
    try {
      await withTimeout(`${client} to reach its master`, this.#adapter.ready(), {
        boundMs: CONNECT_BOUND_MS,
      });
      await this.#workload.prepare?.(this.#context(this.#clock.nowUs()));
      this.#post({ type: 'ready', threads: this.#threads() });
    } catch (error) {
      this.#fail(error);
    }
    await stopped.promise;
  }

  async #run(startUs: number): Promise<void> {
    await this.#workload.run(this.#context(startUs));
    this.#post({ type: 'finished' });
  }

  async #closeWrite(round: number): Promise<void> {
    const writes = await closingWrites(this.#adapter, `${this.#setup.tag}:${round}`, CLOSING_BOUND_MS);
    this.#issuer.remember(writes.flatMap(({ keys }) => keys));
    this.#post({ type: 'closing-written', writes });
  }

  async #stop(drainMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#issuer.drain(drainMs);
    this.#issuer.close();
    this.#lateness.close();
    await this.#recorder.close();
    // A client that does not close is terminated together with its thread.
    await this.#adapter.close().catch(() => undefined);
    const written = [...this.#issuer.written].map(([key, encoding]) => ({ key, encoding }));
    this.#post({ type: 'stopped', written });
  }

  /** Returns the paths of the `schedstat` files of this thread and of the client's thread, by name. */
  #threads(): Readonly<Record<string, string>> {
    const { client } = this.#setup.spec;
    const threads = { [`generator-${client}`]: schedstatPath(), [`client-${client}`]: this.#adapter.thread };
    return Object.fromEntries(
      Object.entries(threads).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  }

  #acknowledged({ intendedUs }: InvokeEvent): void {
    if (this.#awaitingWriteSinceUs === undefined || intendedUs < this.#awaitingWriteSinceUs) return;
    this.#awaitingWriteSinceUs = undefined;
    this.#post({ type: 'recovered', atUs: this.#clock.nowUs() });
  }

  #context(startUs: number): GeneratorContext {
    const { workload, spec, seed, parameters, durableWrites, tag } = this.#setup;
    return {
      adapter: this.#adapter,
      client: this.#client,
      clock: this.#clock,
      issuer: this.#issuer,
      record: this.#recorder.record,
      stopped: this.#stopping.signal,
      random: seededRandom(seed, `${workload}/${spec.client}`),
      ...{ startUs, parameters, durableWrites, tag },
    };
  }

  #post(message: FromGenerator): void {
    this.#port.postMessage(message);
  }

  #fail(error: unknown): void {
    this.#post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}
