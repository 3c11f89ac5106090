/** Opens links as the options say: to the nodes of Redis, and to the sentinels, which have users of their own. */
import type { ResolvedConnection } from '../options.ts';
import type { Address } from '../types.ts';
import { Link } from './link.ts';
import type { Patience } from './probe.ts';
import { SentinelBoard } from './sentinels.ts';
import { now } from './timing.ts';

export class Dial {
  readonly #options: ResolvedConnection;
  /** How quickly a node was reached, at best: what the network takes. */
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(options: ResolvedConnection) {
    this.#options = options;
  }

  /** A connect takes two round trips or more, an answer one. */
  get patience(): Patience {
    const minMs = Number.isFinite(this.#quickestMs) ? this.#quickestMs * 2 : 0;
    return { minMs, maxMs: this.#options.connectTimeoutMs };
  }

  async node(address: Address, timeoutMs: number): Promise<Link> {
    const { username, password, db } = this.#options;
    const startedAt = now();
    const link = await this.#open({ address, username, password, db }, timeoutMs);
    this.#quickestMs = Math.min(this.#quickestMs, now() - startedAt);
    return link;
  }

  board(changed: () => void): SentinelBoard {
    const { addresses, serviceName, sentinelUsername, sentinelPassword, connectTimeoutMs } = this.#options;
    const [username, password] = [sentinelUsername, sentinelPassword];
    return new SentinelBoard({
      count: addresses.length,
      service: serviceName,
      patienceMaxMs: connectTimeoutMs,
      open: (index, timeoutMs) =>
        this.#open({ address: addresses[index] as Address, username, password, db: 0 }, timeoutMs),
      changed,
    });
  }

  #open(
    to: { address: Address; username: string | undefined; password: string | undefined; db: number },
    timeoutMs: number,
  ): Promise<Link> {
    const { tls, connectTimeoutMs } = this.#options;
    return Link.open({ ...to, tls, timeoutMs: Math.min(timeoutMs, connectTimeoutMs) });
  }
}
