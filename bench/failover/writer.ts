/** Sends writes over one connection in an open loop, one key per write, and records when each was acknowledged. */
import type { Durability, SupervisedConnection } from '../../client/types.ts';

export interface Acknowledgement {
  readonly key: string;
  readonly sentAt: number;
  readonly at: number;
}

export class BenchWriter {
  readonly acknowledgements: Acknowledgement[] = [];
  readonly errors = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  constructor(
    connection: SupervisedConnection,
    prefix: string,
    perSecond: number,
    durability: Durability = 'async',
  ) {
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      // Sends as many writes as are due, so that a late timer does not lower the rate.
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      while (this.#sent < due) this.#write(connection, `${prefix}:${this.#sent++}`, durability);
    }, 1);
  }

  #write(connection: SupervisedConnection, key: string, durability: Durability): void {
    const sentAt = performance.now();
    const reply: Promise<unknown> =
      durability === 'async'
        ? connection.call('SET', key, 'x')
        : connection.callDurable(durability, 'SET', key, 'x');
    const settled: Promise<void> = reply
      .then(
        () => void this.acknowledgements.push({ key, sentAt, at: performance.now() }),
        ({ code = 'OTHER' }: { code?: string }) =>
          void this.errors.set(code, (this.errors.get(code) ?? 0) + 1),
      )
      .finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }

  /** Longest time between two acknowledgements, in ms. */
  get gapMs(): number {
    let gapMs = 0;
    this.acknowledgements.reduce((before, { at }) => {
      gapMs = Math.max(gapMs, at - before);
      return at;
    }, this.acknowledgements[0]?.at ?? 0);
    return gapMs;
  }
}
