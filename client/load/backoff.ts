/**
 * Pauses after failed loads. If a stale value was available, it is returned during the pause, and the loader is not
 * called. Each failure doubles the pause, up to a limit; a successful load ends it.
 */
/** Maximum pause, unless the configured first pause is longer. */
const LONGEST_MS = 30_000;
/** Maximum number of keys; the oldest failure is dropped first. */
const KEYS_MAX = 10_000;

interface Failure {
  readonly untilMs: number;
  readonly waitMs: number;
}

export class Backoff {
  readonly #now: () => number;
  readonly #failures = new Map<string, Failure>();

  constructor(now: () => number) {
    this.#now = now;
  }

  isResting(key: string): boolean {
    if (this.#failures.size === 0) return false;
    const failure = this.#failures.get(key);
    return failure !== undefined && this.#now() < failure.untilMs;
  }

  failed(key: string, firstMs: number): void {
    const longestMs = Math.max(LONGEST_MS, firstMs);
    const waitMs = Math.min(longestMs, (this.#failures.get(key)?.waitMs ?? firstMs / 2) * 2);
    this.#failures.delete(key);
    this.#failures.set(key, { untilMs: this.#now() + waitMs, waitMs });
    if (this.#failures.size <= KEYS_MAX) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(key: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key);
  }
}
