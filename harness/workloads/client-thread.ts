/**
 * A client in its own thread, as an adapter for its generator. The generator keeps its schedule while the client's
 * event loop is busy (TLS handshakes, large values), so the generator is late only because of the machine, never
 * because of the client.
 */
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../config/installation.ts';
import type { OperationKind } from '../history/events.ts';
import { withTimeout } from '../wait.ts';
import type { Adapter, Answer, ClientSpec, Failure } from './adapter.ts';
import type { Call, ClientSetup, FromClient, ToClient } from './client-protocol.ts';

const CLOSE_BOUND_MS = 2_000;

export interface ClientThreadOptions extends ClientSetup {
  /** Called for each event of the client, with its time. */
  readonly onEvent: (event: Extract<FromClient, { type: 'event' }>) => void;
  /** Called when the thread ends unexpectedly. */
  readonly onFailure: (error: Error) => void;
}

/** Failure of an operation, as the client's thread classified it. */
class RemoteFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly load: (() => Promise<string>) | undefined;
}

export interface ClientThread extends Adapter {
  /** Path of the thread's `schedstat`; undefined before `ready` and if the system has none. */
  readonly thread: string | undefined;
}

export function openClientThread(options: ClientThreadOptions): ClientThread {
  return new RemoteClient(options);
}

type Opened = Extract<FromClient, { type: 'opened' }>;

class RemoteClient implements ClientThread {
  readonly client: ClientSpec['client'];
  readonly set = this.#caller('set');
  readonly get = this.#caller('get');
  readonly incr = this.#caller('incr');
  readonly append = this.#caller('append');
  readonly getMany = this.#caller('getMany');
  readonly setMany = this.#caller('setMany');
  readonly #worker: Worker;
  readonly #options: ClientThreadOptions;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #opened: Opened | undefined;
  #endExpected = false;

  constructor(options: ClientThreadOptions) {
    const { spec, originNs } = options;
    this.client = spec.client;
    this.#options = options;
    this.#worker = new Worker(moduleUrl('./client-worker', import.meta.url), {
      workerData: { spec, originNs } satisfies ClientSetup,
      name: `client-${spec.client}`,
      execArgv: [],
    });
    this.#worker.on('message', (message: FromClient) => this.#heard(message));
    this.#worker.on('error', (error) => this.#ended(error));
    this.#worker.on('exit', (code) => this.#ended(new Error(`its thread ended with code ${code}`)));
  }

  get durable(): boolean {
    return this.#facts.durable;
  }

  get encoding(): Adapter['encoding'] {
    return this.#facts.encoding;
  }

  get delete(): Adapter['delete'] {
    return this.#facts.deletes ? this.#caller('delete') : undefined;
  }

  get thread(): string | undefined {
    return this.#opened?.thread;
  }

  physicalKey(key: string): string {
    return `${this.#facts.prefix}${key}`;
  }

  async ready(): Promise<void> {
    await this.#ask((id) => ({ type: 'ready', id }));
  }

  getOrCompute(key: string, load: () => Promise<string>): Promise<Answer> {
    return this.#ask((id) => ({ type: 'compute', id, key }), load);
  }

  failure(_kind: OperationKind, error: unknown): Failure {
    if (error instanceof RemoteFailure) return error.failure;
    const message = error instanceof Error ? error.message : String(error);
    return { type: 'info', code: 'CLIENT_THREAD', message };
  }

  /** Closes the client within 2 s and always stops the thread. */
  async close(): Promise<void> {
    this.#endExpected = true;
    const closed = this.#ask((id) => ({ type: 'close', id }));
    try {
      await withTimeout(`${this.client} to close`, closed, { boundMs: CLOSE_BOUND_MS });
    } finally {
      await this.#worker.terminate();
    }
  }

  get #facts(): Opened {
    if (this.#opened === undefined) throw new Error(`the thread of ${this.client} has not started`);
    return this.#opened;
  }

  #caller<C extends Call>(call: C): (...args: Parameters<NonNullable<Adapter[C]>>) => Promise<Answer> {
    return (...args) => this.#ask((id) => ({ type: 'call', id, kind: call, call, args }));
  }

  #ask(message: (id: number) => ToClient, load?: Waiting['load']): Promise<Answer> {
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, load });
      this.#say(message(id));
    });
  }

  #say(message: ToClient): void {
    this.#worker.postMessage(message);
  }

  #heard(message: FromClient): void {
    if (message.type === 'opened') this.#opened = message;
    else if (message.type === 'event') this.#options.onEvent(message);
    else if (message.type === 'load') void this.#load(message.id);
    else {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.type === 'answer') waiting?.resolve(message.answer);
      else waiting?.reject(new RemoteFailure(message.failure));
    }
  }

  async #load(id: number): Promise<void> {
    try {
      const value = await this.#waiting.get(id)?.load?.();
      this.#say({ type: 'loaded', id, value: value ?? '' });
    } catch (error) {
      this.#say({
        type: 'load-failed',
        id,
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #ended(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    if (!this.#endExpected) this.#options.onFailure(error);
  }
}
