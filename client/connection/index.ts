import { Emitter } from '../events.ts';
import { type ResolvedConnection, resolveConnection } from '../options.ts';
import type { ConnectionEvent, RedisOptions, SupervisedConnection } from '../types.ts';
import type { Argument } from './link.ts';
import { StockConnection } from './stock.ts';
import { type CallOptions, Supervisor } from './supervisor.ts';

/** The public connection, and the cache's way into it. */
export interface CacheConnection extends SupervisedConnection {
  request(command: string, args: readonly Argument[], options?: CallOptions): Promise<unknown>;
  /** GET, sent with the others of the same tick; null: absent, or not a string. `impatient` as in `CallOptions`. */
  get(key: string, impatient?: boolean): Promise<Buffer | null>;
}

export function openConnection(options: ResolvedConnection): CacheConnection {
  const events = new Emitter<ConnectionEvent>();
  return options.supervision ? new Supervisor(options, events) : new StockConnection(options, events);
}

/**
 * A connection to whoever is master, kept alive. It connects in the background; commands wait for it within their
 * deadline.
 *
 * @throws ConfigurationError an option is wrong
 */
export function connect(options: RedisOptions): SupervisedConnection {
  return openConnection(resolveConnection(options));
}
