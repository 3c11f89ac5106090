import type { ConnectionEvent } from '../api/types.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { Link } from '../transport/link.ts';
import { now, withTimeout } from '../transport/timing.ts';

/**
 * Outcome of a load in a notification. `v`: the value itself. `s`: stored in Redis. `n`: no value. `f`: the load
 * failed.
 */
export type Outcome = 'v' | 's' | 'n' | 'f';

export type Notification =
  | { readonly kind: 'told'; readonly outcome: Outcome; readonly payload: Buffer }
  /** No notification: the wait timed out, or there is no subscriber. */
  | { readonly kind: 'silent' };

const TOKEN_LENGTH = 16;
/** Maximum number of recorded notifications that arrived without a waiter. Their values are not recorded. */
const RECENT_MAX = 4096;
const OPEN_TIMEOUT_MS = 1000;
/** Pause after a failed attempt, in ms. */
const REOPEN_MS = 250;

export class Signals {
  readonly #connection: CacheConnection;
  readonly #channel: string;
  readonly #unsubscribe: () => void;
  readonly #waiting = new Map<string, Set<(notification: Notification) => void>>();
  /**
   * Recent notifications that arrived without a waiter, by token. A notification can overtake the reply that names the
   * lease, because it arrives on another connection.
   */
  readonly #recent = new Map<string, { readonly outcome: Outcome; readonly at: number }>();
  #subscriber: Link | undefined;
  #opening: Promise<boolean> | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(connection: CacheConnection, channel: string) {
    this.#connection = connection;
    this.#channel = channel;
    this.#unsubscribe = connection.on((event) => this.#heard(event));
  }

  /** Whether a subscriber receives notifications. */
  get listening(): boolean {
    return this.#subscriber !== undefined;
  }

  /** Opens the subscriber if there is none. Returns false if opening it fails. */
  open(): Promise<boolean> {
    if (this.#subscriber) return Promise.resolve(true);
    if (this.#closed || now() - this.#failedAt < REOPEN_MS) return Promise.resolve(false);
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * Waits for the notification of this lease, for at most `ms`.
   *
   * @param since time at which the entry was requested; a notification that has arrived since then ends the wait
   */
  wait(token: string, ms: number, since: number, signal?: AbortSignal): Promise<Notification> {
    if (signal?.aborted) return Promise.resolve({ kind: 'silent' });
    const recent = this.#recent.get(token);
    if (recent && recent.at >= since)
      return Promise.resolve({ kind: 'told', outcome: recent.outcome, payload: Buffer.alloc(0) });
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(token) ?? new Set();
      const wake = (notification: Notification): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', silent);
        waiters.delete(wake);
        if (waiters.size === 0) this.#waiting.delete(token);
        resolve(notification);
      };
      const silent = (): void => wake({ kind: 'silent' });
      const timer = setTimeout(silent, ms);
      signal?.addEventListener('abort', silent, { once: true });
      waiters.add(wake);
      this.#waiting.set(token, waiters);
    });
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#drop();
  }

  async #open(): Promise<boolean> {
    const connection = this.#connection;
    const before = connection.current();
    if (!before) return false;
    const opening = connection.subscriber();
    let subscriber: Link;
    try {
      subscriber = await withTimeout(opening, OPEN_TIMEOUT_MS, 'connecting a subscriber');
      await withTimeout(
        subscriber.redis.subscribe(this.#channel),
        OPEN_TIMEOUT_MS,
        `SUBSCRIBE ${this.#channel}`,
      );
      if (this.#closed || connection.current() !== before) throw new Error('the connection was replaced');
    } catch {
      this.#failedAt = now();
      // A link that opens after the timeout is closed as well.
      opening.then(
        (link) => link.destroy('SUBSCRIBE failed'),
        () => {},
      );
      return false;
    }
    subscriber.redis.on('messageBuffer', (_channel: Buffer, message: Buffer) => this.#told(message));
    void subscriber.over.then(() => {
      if (this.#subscriber === subscriber) this.#drop();
    });
    this.#subscriber = subscriber;
    return true;
  }

  #told(message: Buffer): void {
    const token = message.toString('latin1', 0, TOKEN_LENGTH);
    const waiters = this.#waiting.get(token);
    const outcome = message.toString('latin1', TOKEN_LENGTH, TOKEN_LENGTH + 1) as Outcome;
    const payload = message.subarray(TOKEN_LENGTH + 1);
    if (waiters) for (const wake of [...waiters]) wake({ kind: 'told', outcome, payload });
    else this.#remember(token, outcome);
  }

  #remember(token: string, outcome: Outcome): void {
    this.#recent.delete(token);
    // The value itself is not kept; a waiter reads it from Redis.
    this.#recent.set(token, { outcome: outcome === 'v' ? 's' : outcome, at: now() });
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > RECENT_MAX && oldest !== undefined) this.#recent.delete(oldest);
  }

  #heard(event: ConnectionEvent): void {
    if (event.type === 'lost' || event.type === 'moved' || event.type === 'closed') this.#drop();
    else if (event.type === 'suspect') this.#wakeAll();
  }

  #drop(): void {
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    subscriber?.destroy('the subscriber is not needed');
    this.#wakeAll();
  }

  /** Wakes all waiters, so that they read from Redis and detect that it is unreachable. */
  #wakeAll(): void {
    for (const waiters of [...this.#waiting.values()])
      for (const wake of [...waiters]) wake({ kind: 'silent' });
  }
}
