/** Writes over a connection in an open loop, and records the outcome of each write. */
import type { CacheError, Durability } from '../../client/index.ts';
import type { SupervisedConnection } from '../../client/types.ts';

export interface WriteLoopResult {
  /** Keys of the acknowledged writes. */
  readonly acknowledged: readonly string[];
  /** Number of errors per error code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Longest time between two acknowledgements in ms; `gapEndedAt` is the time of the later one. */
  readonly gapMs: number;
  readonly gapEndedAt: number;
  /** Longest time that one call took to settle. */
  readonly slowestMs: number;
}

export class WriteLoop {
  readonly #timer: NodeJS.Timeout;
  readonly #acks: { readonly key: string; readonly at: number }[] = [];
  readonly #errors: Record<string, number> = {};
  readonly #pending = new Set<Promise<void>>();
  #slowestMs = 0;
  #sent = 0;

  constructor(
    connection: SupervisedConnection,
    options: { everyMs?: number; prefix?: string; durability?: Exclude<Durability, 'async'> } = {},
  ) {
    const { everyMs = 4, prefix = 'w', durability } = options;
    this.#timer = setInterval(() => {
      const key = `${prefix}:${this.#sent++}`;
      const startedAt = performance.now();
      // APPEND reveals a write that was applied twice.
      const write = durability
        ? connection.callDurable(durability, 'APPEND', key, 'x')
        : connection.call('APPEND', key, 'x');
      const settled: Promise<void> = write
        .then(
          () => void this.#acks.push({ key, at: performance.now() }),
          (error: CacheError) => {
            this.#errors[error.code] = (this.#errors[error.code] ?? 0) + 1;
          },
        )
        .finally(() => {
          this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAt);
          this.#pending.delete(settled);
        });
      this.#pending.add(settled);
    }, everyMs);
  }

  get acknowledged(): number {
    return this.#acks.length;
  }

  get errors(): Readonly<Record<string, number>> {
    return this.#errors;
  }

  async stop(): Promise<WriteLoopResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    let [gapMs, gapEndedAt] = [0, 0];
    for (let i = 1; i < this.#acks.length; i++) {
      const at = (this.#acks[i] as { at: number }).at;
      const gap = at - (this.#acks[i - 1] as { at: number }).at;
      if (gap > gapMs) [gapMs, gapEndedAt] = [gap, at];
    }
    return {
      acknowledged: this.#acks.map(({ key }) => key),
      errors: this.#errors,
      gapMs,
      gapEndedAt,
      slowestMs: this.#slowestMs,
    };
  }
}
