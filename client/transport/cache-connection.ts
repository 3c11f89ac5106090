import type { Address, SupervisedConnection } from '../api/types.ts';
import type { Argument, CallOptions } from './commands.ts';
import type { Link } from './link.ts';
import type { PartListener } from './part.ts';

/** The public connection, extended by the operations that the cache needs. */
export interface CacheConnection extends SupervisedConnection {
  request(command: string, args: readonly Argument[], options?: CallOptions): Promise<unknown>;
  /**
   * Sends GET together with the other GETs of the same tick; null if absent or not a string. `failFast` as in
   * `CallOptions`.
   */
  get(key: string, failFast?: boolean): Promise<Buffer | null>;
  /** Returns the connection to the master of this key, for sequences that need one connection (transactions). */
  at(key: string): CacheConnection;
  /**
   * Counter that changes while a reply is arriving or a large command is being sent. A command that waits behind such a
   * transfer is not hung. For a pool and a cluster the counter is the sum over all connections; for one key, use
   * `at(key).pieces`.
   */
  readonly pieces?: number;
  /**
   * Opens a separate RESP2 link, without a name, to the current master; in a cluster, to one of the masters.
   *
   * @throws NotSentError with the reason if there is no master
   */
  subscriber(): Promise<Link>;
  /** Calls the listener for each event of each connection, before listeners added with `on`. */
  follow(listener: PartListener): void;
  /**
   * Returns the slot of a key; only in a cluster. The keys of one command must be in one slot, except for MGET, MSET,
   * DEL, UNLINK, EXISTS and TOUCH.
   */
  slotOf?(key: string): number;
  /**
   * Whether some shards are ready, and each other shard has been unreachable for at least the command timeout; only in
   * a cluster.
   */
  serves?(): boolean;
  /**
   * Settles when every shard that is not known to be unreachable has replied; only in a cluster.
   *
   * @throws NotSentError, TimeoutError
   */
  probe?(): Promise<unknown>;
  /**
   * Returns the masters that may receive commands. A master is listed before the first command is sent to it. Returns
   * undefined while a master is unknown. Only in a cluster.
   */
  masters?(): readonly Address[] | undefined;
}
