import type { Address, SupervisedConnection } from '../api/types.ts';
import type { Argument, CallOptions } from './commands.ts';
import type { Link } from './link.ts';
import type { PartListener } from './part.ts';

/** The public connection, and the cache's way into it. */
export interface CacheConnection extends SupervisedConnection {
  request(command: string, args: readonly Argument[], options?: CallOptions): Promise<unknown>;
  /** GET, sent with the others of the same tick; null: absent, or not a string. `failFast` as in `CallOptions`. */
  get(key: string, failFast?: boolean): Promise<Buffer | null>;
  /** The connection to the master that has this key: where one must stay on one connection (transactions). */
  at(key: string): CacheConnection;
  /**
   * Changes while a part of an answer arrives, or a large command is on its way to the server: a command that waits behind it is not
   * hung. Of a pool and a Cluster the sum; of one key: `at(key).pieces`.
   */
  readonly pieces?: number;
  /** A RESP2 link of its own, without a name, to the master of the moment, in a cluster to one of them. @throws why there is none */
  subscriber(): Promise<Link>;
  /** Calls the listener for each event of each connection, before the listeners of `on`. */
  follow(listener: PartListener): void;
  /** Of a cluster: the slot of a key. Commands with several keys may name those of one slot only, but for MGET, MSET, DEL, UNLINK, EXISTS and TOUCH. */
  slotOf?(key: string): number;
  /** Of a cluster: every shard is there or has been away for as long as a command may take, and some are there. */
  serves?(): boolean;
  /** Of a cluster: settles when every shard has answered that is not known to be away. @throws NotSentError, TimeoutError */
  probe?(): Promise<unknown>;
  /** Of a cluster: the masters that commands may go to, before one goes there; undefined while one of them is not known. */
  masters?(): readonly Address[] | undefined;
}
