/**
 * Polls one node with the same query over a persistent connection, so that a hung or dead node does not delay the
 * others. It polls frequently during an alert, otherwise once per second. It reports only the view of its own node.
 */
import type { Link } from './link.ts';
import { isReply } from './reply-error.ts';
import { delay, jittered, withTimeout } from './timing.ts';

const FIRST_TIMEOUT_MS = 500;
const CALM_MS = 1000;
const ALERT_MS = 50;
const RECONNECT_MS = 1000;
/**
 * Minimum time between two attempts, in ms, regardless of how often a poll is requested. It prevents a busy loop,
 * because a refused attempt may fail without any I/O.
 */
const ATTEMPT_MS = 20;

export interface NodePollerOptions<V> {
  readonly open: (timeoutMs: number) => Promise<Link>;
  /** Called once per connection; may call `wake` later to poll at once. */
  readonly prepare?: (link: Link, wake: () => void, timeoutMs: number) => Promise<void>;
  readonly ask: (link: Link) => Promise<V | undefined>;
  /** Receives each view. If there was no reply, receives undefined and the reason. */
  readonly report: (view: V | undefined, failure?: string) => void;
  /** Maximum timeout for connecting or for a reply. */
  readonly maxTimeoutMs: number;
}

export class NodePoller<V> {
  readonly #options: NodePollerOptions<V>;
  readonly #ended = new AbortController();
  #wake = new AbortController();
  #alert = false;
  /** Timeout that grows with each failure, so that a node with a high latency is eventually reached. */
  #timeoutMs = FIRST_TIMEOUT_MS;

  constructor(options: NodePollerOptions<V>) {
    this.#options = options;
    void this.#run();
  }

  alert(on: boolean): void {
    this.#alert = on;
    if (on) this.ask();
  }

  /** Polls now, instead of at the next interval. */
  ask(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  close(): void {
    this.#ended.abort();
    this.ask();
  }

  /**
   * Queries the node. Returns false if the node replies with an error (no permission, unknown service); the connection
   * stays usable in this case.
   */
  async #question(link: Link): Promise<boolean> {
    const { ask, report } = this.#options;
    try {
      report(await withTimeout(ask(link), this.#timeoutMs, 'reply to the poll'));
      return true;
    } catch (error) {
      if (!isReply(error)) throw error;
      report(undefined, error.message);
      return false;
    }
  }

  async #run(): Promise<void> {
    const { open, prepare, report, maxTimeoutMs } = this.#options;
    while (!this.#ended.signal.aborted) {
      let link: Link | undefined;
      try {
        link = await open(this.#timeoutMs);
        void link.over.then(() => this.ask());
        await prepare?.(link, () => this.ask(), this.#timeoutMs);
        while (!this.#ended.signal.aborted) {
          // The signal is taken before the query: a call to `ask` during the query must lead to another query, because
          // the reply may be older.
          const wake = this.#wake.signal;
          const answered = await this.#question(link);
          const alertMs = answered ? ALERT_MS : ALERT_MS * 4;
          await delay(this.#alert ? alertMs : CALM_MS, wake);
        }
      } catch (error) {
        report(undefined, error instanceof Error ? error.message : String(error));
        this.#timeoutMs = Math.min(this.#timeoutMs * 2, maxTimeoutMs);
      }
      link?.destroy('the poller reconnects');
      await delay(ATTEMPT_MS, this.#ended.signal);
      // The first attempts in an outage are quick; a node that stays down costs one attempt per second.
      await delay(jittered(this.#alert ? ALERT_MS * 4 : RECONNECT_MS), this.#wake.signal);
    }
  }
}
