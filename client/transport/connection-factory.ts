/** Opens links with the configured options: to Redis nodes, and to sentinels, which have their own users. */

import type { Address } from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import { Access } from './access.ts';
import { Link, type LinkOptions } from './link.ts';
import type { TimeoutRange } from './probe.ts';
import { isReply } from './reply-error.ts';
import { SentinelMonitor } from './sentinel-monitor.ts';
import { now } from './timing.ts';

export class ConnectionFactory {
  readonly #options: ResolvedConnection;
  readonly #nodes: Access;
  readonly #sentinels: Access;
  /** Shortest connect time so far, which shows the latency of the network. */
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(options: ResolvedConnection) {
    const { username, password, sentinelUsername, sentinelPassword, connectTimeoutMs: timeoutMs } = options;
    this.#options = options;
    this.#nodes = new Access({ username, password, names: ['username', 'password'], timeoutMs });
    this.#sentinels = new Access({
      username: sentinelUsername,
      password: sentinelPassword,
      names: ['sentinelUsername', 'sentinelPassword'],
      timeoutMs,
    });
  }

  /** Range of timeouts: connecting takes at least two round trips, and a reply takes at least one. */
  get timeoutRange(): TimeoutRange {
    const minMs = Number.isFinite(this.#quickestMs) ? this.#quickestMs * 2 : 0;
    return { minMs, maxMs: this.#options.connectTimeoutMs };
  }

  node(address: Address, timeoutMs: number): Promise<Link> {
    return this.#node(address, { timeoutMs });
  }

  /**
   * Opens a RESP2 link for subscriptions. `isNamed`: sends one more command, so that the link has a name in `CLIENT
   * LIST`.
   */
  subscriber(address: Address, isNamed: boolean): Promise<Link> {
    return this.#node(address, { timeoutMs: this.#options.connectTimeoutMs, protocol: 2, isNamed });
  }

  monitor(changed: () => void): SentinelMonitor {
    const { addresses, serviceName, connectTimeoutMs } = this.#options;
    return new SentinelMonitor({
      addresses,
      service: serviceName,
      maxTimeoutMs: connectTimeoutMs,
      open: (address, timeoutMs) => this.#open(this.#sentinels, address, { timeoutMs, db: 0 }),
      changed,
    });
  }

  #node(address: Address, how: Pick<LinkOptions, 'timeoutMs' | 'protocol' | 'isNamed'>): Promise<Link> {
    return this.#open(this.#nodes, address, { ...how, db: this.#options.db }, (tookMs) => {
      this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    });
  }

  #open(
    access: Access,
    address: Address,
    how: Pick<LinkOptions, 'timeoutMs' | 'db' | 'protocol' | 'isNamed'>,
    reached: (tookMs: number) => void = () => {},
  ): Promise<Link> {
    const { tls, connectTimeoutMs, commandTimeoutMs: sendMaxMs } = this.#options;
    const connect = async (login: Pick<LinkOptions, 'username' | 'password'>): Promise<Link> => {
      const startedAt = now();
      const timeoutMs = Math.min(how.timeoutMs, connectTimeoutMs);
      const link = await Link.open({ ...how, ...login, address, tls, timeoutMs, sendMaxMs });
      reached(now() - startedAt);
      return link;
    };
    return access.open(address, connect, isReply);
  }
}
