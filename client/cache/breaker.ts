/**
 * Circuit breaker: after `threshold` consecutive failures, or once too large a share of the calls fails (`sampling`),
 * no command is sent to Redis, and callers get an answer immediately.
 *
 *   closed ──failures──▶ open ──probe answers, or openMs is over──▶ half-open ──one success──▶ closed
 *                          ▲──────────────one failure──────────────────┘
 *
 * While the breaker is open, a probe runs in the background, so an outage of one second does not block calls for a
 * minute. Only connectivity failures count; an error reply from Redis counts as a success.
 */

import { CommandError, isConnectivityError } from '../api/errors.ts';
import type { Emitter } from '../api/events.ts';
import type { BreakerState, CacheEvent } from '../api/types.ts';
import { now as monotonicNow } from '../transport/timing.ts';
import { FailureWindow } from './failure-window.ts';
import type { ResolvedBreaker } from './options.ts';

/** Permission for one call. `trial`: the outcome of this call alone determines whether a half-open breaker closes. */
export type Permit = 'pass' | 'trial' | 'refused';

export class Breaker {
  readonly #options: ResolvedBreaker;
  readonly #probe: () => Promise<unknown>;
  readonly #events: Emitter<CacheEvent>;
  readonly #now: () => number;
  readonly #window: FailureWindow | undefined;
  #state: BreakerState = { kind: 'closed', failures: 0 };
  #trial = false;
  #transitions = 0;
  readonly #recoveries = { count: 0, totalMs: 0 };
  #openedAt = 0;
  /** Time after which an open breaker allows one call. `until` in the state is the same time on the wall clock. */
  #reopensAt = 0;
  #probing = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param now monotonic clock, in ms, so that a step of the wall clock neither prolongs nor shortens the open state
   */
  constructor(
    options: ResolvedBreaker,
    probe: () => Promise<unknown>,
    events: Emitter<CacheEvent>,
    now: () => number = monotonicNow,
  ) {
    this.#options = options;
    this.#probe = probe;
    this.#events = events;
    this.#now = now;
    this.#window = options.sampling && new FailureWindow(options.sampling, now);
  }

  get state(): BreakerState {
    return this.#state;
  }

  get transitions(): number {
    return this.#transitions;
  }

  /** Number and total duration of the outages. An outage lasts from the opening of the breaker until it closes. */
  get recoveries(): { readonly count: number; readonly totalMs: number } {
    return this.#recoveries;
  }

  permit(): Permit {
    if (this.#state.kind === 'closed') return 'pass';
    if (this.#state.kind === 'open' && this.#now() >= this.#reopensAt)
      this.#halfOpen('the open time has passed');
    if (this.#state.kind === 'open' || this.#trial) return 'refused';
    this.#trial = true;
    return 'trial';
  }

  success(permit: Permit): void {
    if (permit === 'trial') this.#trial = false;
    if (this.#state.kind === 'half-open' && permit === 'trial') this.#close();
    else if (this.#state.kind === 'closed') {
      this.#window?.count(false);
      if (this.#state.failures > 0) this.#state = { kind: 'closed', failures: 0 };
    }
  }

  failure(permit: Permit, cause: string): void {
    if (permit === 'trial') this.#trial = false;
    if (!this.#options.enabled) return;
    if (this.#state.kind === 'half-open' && permit === 'trial') this.#open(cause);
    else if (this.#state.kind === 'closed') this.#count(this.#state.failures + 1, cause);
  }

  /**
   * Reports that a call did not reach Redis and does not count. The next call determines whether a half-open breaker
   * closes.
   */
  abstain(permit: Permit): void {
    if (permit === 'trial') this.#trial = false;
  }

  #count(failures: number, cause: string): void {
    this.#state = { kind: 'closed', failures };
    const tooMany = this.#window?.count(true) === true;
    if (tooMany || failures >= this.#options.threshold) this.#open(cause);
  }

  /** Probes Redis now if the breaker is open, because Redis may be reachable again. */
  probeNow(): void {
    if (this.#state.kind !== 'open' || this.#probing) return;
    this.#probing = true;
    this.#probe()
      .then(
        () => true,
        // A server that refuses PING (MISCONF: it cannot save) is reachable and serves reads.
        (error: unknown) => error instanceof CommandError && !isConnectivityError(error),
      )
      .then((answered) => answered && this.#state.kind === 'open' && this.#halfOpen('the probe succeeded'))
      .finally(() => {
        this.#probing = false;
      });
  }

  /** Stops the probes. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #open(cause: string): void {
    const [at, since] = [this.#now(), Date.now()];
    // A breaker that reopens from the half-open state continues the same outage.
    if (this.#state.kind === 'closed') this.#openedAt = at;
    this.#reopensAt = at + this.#options.openMs;
    this.#move({ kind: 'open', since, until: since + this.#options.openMs, cause }, cause);
    clearInterval(this.#timer);
    if (this.#stopped) return;
    this.#timer = setInterval(() => this.probeNow(), this.#options.probeIntervalMs);
    this.#timer.unref();
  }

  #halfOpen(cause: string): void {
    clearInterval(this.#timer);
    this.#trial = false;
    this.#move({ kind: 'half-open', since: Date.now() }, cause);
  }

  #close(): void {
    this.#window?.clear();
    this.#recoveries.count += 1;
    this.#recoveries.totalMs += this.#now() - this.#openedAt;
    this.#move({ kind: 'closed', failures: 0 }, 'a call succeeded');
  }

  #move(state: BreakerState, cause: string): void {
    const from = this.#state.kind;
    this.#state = state;
    this.#transitions += 1;
    this.#events.emit({ type: 'breaker', from, to: state.kind, cause });
  }
}
