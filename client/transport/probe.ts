/**
 * Polls the role of one node until the probe is stopped or its link is taken over.
 *
 * The timeouts are short at first, so that a hung node is not mistaken for a slow one. Each failure doubles the
 * timeouts, up to the configured connect timeout, so that a slow network is not mistaken for a dead node.
 */
import type { Address } from '../api/types.ts';
import type { Link, Role } from './link.ts';
import { delay, jittered, now, withTimeout } from './timing.ts';

/** Interval between polls of a node that replies, in ms. It is the maximum delay in detecting a promotion. */
const ASK_MS = 20;
const ANSWER_MS = 300;
const CONNECT_MS = 500;
const RETRY_MIN_MS = 10;
/**
 * Maximum pause between attempts, in ms: a node that comes back soon is found within 100 ms, and a node that stays down
 * is queried less often.
 */
const RETRY_MAX_MS = 80;
const RETRY_LATER_MS = 250;
const LATER_MS = 30_000;
/** Maximum factor by which the timeouts grow; the options limit them in ms. */
const ATTEMPT_MAX = 32;

/** Limits of a timeout, regardless of the attempt. */
export interface TimeoutRange {
  readonly minMs: number;
  readonly maxMs: number;
}

function clampTimeout(ms: number, { minMs, maxMs }: TimeoutRange): number {
  return Math.min(Math.max(ms, minMs), maxMs);
}

export class Probe {
  readonly address: Address;
  /** Start time of the last poll with a result; undefined before the first result. */
  heardAt: number | undefined;
  failure: string | undefined;
  /** Last reported role; undefined if the node did not reply. */
  role: Role | undefined;
  readonly #open: (timeoutMs: number) => Promise<Link>;
  readonly #timeoutRange: TimeoutRange;
  readonly #heard: (probe: Probe, role: Role | undefined) => void;
  readonly #stopped = new AbortController();
  #link: Link | undefined;

  constructor(
    address: Address,
    open: (timeoutMs: number) => Promise<Link>,
    timeoutRange: TimeoutRange,
    heard: (probe: Probe, role: Role | undefined) => void,
  ) {
    this.address = address;
    this.#open = open;
    this.#timeoutRange = timeoutRange;
    this.#heard = heard;
    void this.#run();
  }

  /** Ends the probe and returns its link. */
  take(): Link | undefined {
    const link = this.#link;
    this.#link = undefined;
    this.stop();
    return link;
  }

  stop(): void {
    this.#stopped.abort();
    this.#link?.destroy('the discovery has ended');
    this.#link = undefined;
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_MIN_MS;
    let attempt = 1;
    const beganAt = now();
    while (!this.#stopped.signal.aborted) {
      const startedAt = now();
      try {
        await this.#connect(clampTimeout(CONNECT_MS * attempt, this.#timeoutRange));
        if (!this.#link) return;
        const answerMs = clampTimeout(ANSWER_MS * attempt, this.#timeoutRange);
        const role = await withTimeout(this.#link.role(), answerMs, 'ROLE');
        if (this.#stopped.signal.aborted) return;
        retryMs = RETRY_MIN_MS;
        this.failure = 'reason' in role ? role.reason : undefined;
        this.heardAt = startedAt;
        this.role = role;
        this.#heard(this, role);
        await delay(ASK_MS, this.#stopped.signal);
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#link?.destroy('no reply to ROLE');
        this.#link = undefined;
        this.failure = error instanceof Error ? error.message : String(error);
        this.heardAt = startedAt;
        this.role = undefined;
        this.#heard(this, undefined);
        await delay(jittered(retryMs), this.#stopped.signal);
        attempt = Math.min(attempt * 2, ATTEMPT_MAX);
        retryMs = Math.min(retryMs * 2, now() - beganAt < LATER_MS ? RETRY_MAX_MS : RETRY_LATER_MS);
      }
    }
  }

  async #connect(timeoutMs: number): Promise<void> {
    if (this.#link && this.#link.closed === undefined) return;
    const link = await this.#open(timeoutMs);
    if (this.#stopped.signal.aborted) link.destroy('the discovery has ended');
    else this.#link = link;
  }
}
