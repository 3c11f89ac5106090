/** Holds many connections to one server, in a separate thread. */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { KitError } from '../../../config/errors.ts';
import { moduleUrl } from '../../../config/installation.ts';
import { withTimeout } from '../../wait.ts';
import type { ConnectionsReport, ConnectionsSetup } from './connections-protocol.ts';

/** Additional time, in ms, for a thread that gets little CPU time. */
const BUSY_MS = 60_000;

/** Number of open files that the kit needs in addition to the connections. */
const OTHER_FILES = 300;

/**
 * Returns the reason why this process cannot open the requested number of connections; undefined if it can, or if the
 * system does not report its limit.
 */
export function connectionLimit(asked: number, limits = readLimits()): string | undefined {
  const most = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
  if (most === undefined || most === 'unlimited' || Number(most) >= asked + OTHER_FILES) return undefined;
  return `this process may open ${most} files (ulimit -n), and ${asked} connections need ${asked + OTHER_FILES}`;
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}

export class ConnectionHolder implements AsyncDisposable {
  readonly #setup: ConnectionsSetup;
  readonly #thread: Worker;
  readonly #signal: AbortSignal;

  constructor(setup: ConnectionsSetup, signal: AbortSignal) {
    this.#setup = setup;
    this.#signal = signal;
    this.#thread = new Worker(moduleUrl('./connections-thread', import.meta.url), {
      ...{ workerData: setup, name: 'load-connections', execArgv: [] },
    });
  }

  /** Opens all connections. */
  open(): Promise<ConnectionsReport> {
    const { asked, perSecond, boundMs } = this.#setup;
    return this.#ask('open', (asked / perSecond) * 5_000 + 2 * boundMs + BUSY_MS);
  }

  /** Sends another request on all open connections. */
  ping(): Promise<ConnectionsReport> {
    return this.#ask('ask', 10_000 + 2 * this.#setup.boundMs + BUSY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#thread.postMessage('close');
    await this.#thread.terminate();
  }

  #ask(what: 'open' | 'ask', boundMs: number): Promise<ConnectionsReport> {
    const said = new Promise<ConnectionsReport>((resolve, reject) => {
      this.#thread.once('message', resolve);
      this.#thread.postMessage(what);
      this.#thread.once('error', (cause) =>
        reject(new KitError(`connections: ${cause.message}`, { code: 'GENERATOR_FAILED', cause })),
      );
    });
    return withTimeout('the connections to answer', said, { boundMs, signal: this.#signal });
  }
}
