/** Asks one node for its role, again and again, until it is stopped or its link is taken over. */
import type { Address } from '../types.ts';
import type { Link, Role } from './link.ts';
import { delay, jittered, now, within } from './timing.ts';

/** How often a node that answers is asked, in ms: its promotion is seen this much later at most. */
const ASK_MS = 20;
const ANSWER_MS = 300;
const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 250;

export class Probe {
  readonly address: Address;
  /** When the node last answered or failed to: undefined before the first time. */
  heardAt: number | undefined;
  failure: string | undefined;
  readonly #open: () => Promise<Link>;
  readonly #heard: (probe: Probe, role: Role | undefined) => void;
  readonly #stopped = new AbortController();
  #link: Link | undefined;

  constructor(
    address: Address,
    open: () => Promise<Link>,
    heard: (probe: Probe, role: Role | undefined) => void,
  ) {
    this.address = address;
    this.#open = open;
    this.#heard = heard;
    void this.#run();
  }

  /** Ends the probe and hands its link over. */
  take(): Link | undefined {
    const link = this.#link;
    this.#link = undefined;
    this.stop();
    return link;
  }

  stop(): void {
    this.#stopped.abort();
    this.#link?.destroy('the search is over');
    this.#link = undefined;
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_MIN_MS;
    while (!this.#stopped.signal.aborted) {
      const startedAt = now();
      try {
        await this.#connect();
        if (!this.#link) return;
        const role = await within(this.#link.role(), ANSWER_MS, 'ROLE');
        if (this.#stopped.signal.aborted) return;
        retryMs = RETRY_MIN_MS;
        this.failure = role.kind === 'unready' ? role.reason : undefined;
        this.heardAt = startedAt;
        this.#heard(this, role);
        await delay(ASK_MS, this.#stopped.signal);
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#link?.destroy('no answer to ROLE');
        this.#link = undefined;
        this.failure = error instanceof Error ? error.message : String(error);
        this.heardAt = startedAt;
        this.#heard(this, undefined);
        await delay(jittered(retryMs), this.#stopped.signal);
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
      }
    }
  }

  async #connect(): Promise<void> {
    if (this.#link && this.#link.closed === undefined) return;
    const link = await this.#open();
    if (this.#stopped.signal.aborted) link.destroy('the search is over');
    else this.#link = link;
  }
}
