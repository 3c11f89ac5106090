/**
 * Connections for transactions: the shared connection, and lanes, which are separate links to the same master. A
 * transaction stays on one connection, because WATCH applies only to the connection on which it was sent.
 */

import { CommandError, OutcomeUnknownError } from '../api/errors.ts';
import { LIMITS } from '../options/limits.ts';
import { addressKey } from '../transport/address.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { Argument } from '../transport/commands.ts';
import type { Link } from '../transport/link.ts';
import { isReply } from '../transport/reply-error.ts';
import { Substitutes } from '../transport/substitutes.ts';
import { now, withTimeout } from '../transport/timing.ts';

/**
 * Sends a command now or not at all, because a part of a transaction is useless without the other parts. Replies are
 * Buffers.
 */
export type Send = (name: string, ...args: readonly Argument[]) => Promise<unknown>;

export interface Carrier {
  readonly send: Send;
  /** Returns the connection for a transaction: after a reconnect, a different object; without a master, undefined. */
  readonly session: () => object | undefined;
}

export function sharedCarrier(connection: CacheConnection): Carrier {
  return {
    send: (name, ...args) => connection.request(name, args, { buffers: true, once: true }),
    session: () => (connection.state.kind === 'ready' ? connection.current() : undefined),
  };
}

/**
 * Returns a carrier for a separate link.
 *
 * @param link link to the connection's master; destroyed if the master does not reply
 */
export function laneCarrier(connection: CacheConnection, link: Link): Carrier {
  const sendAsIs = async (name: string, args: readonly Argument[]): Promise<unknown> => {
    try {
      return await withTimeout(link.send(name, args, true), LIMITS.timeoutMs, name);
    } catch (error) {
      if (isReply(error)) throw new CommandError(error.message, error, name);
      const reason = error instanceof Error ? error.message : String(error);
      link.destroy(reason);
      throw new OutcomeUnknownError(`${name}: sent, outcome unknown: ${reason}`, error);
    }
  };
  const substitutes = new Substitutes((name, args, _options, _startedAt, resolve, reject) =>
    sendAsIs(name, args).then(resolve, reject),
  );
  return {
    send: (name, ...args) =>
      Substitutes.has(name)
        ? new Promise((resolve, reject) =>
            substitutes.submit(name, args, { buffers: true, once: true }, now(), resolve, reject),
          )
        : sendAsIs(name, args),
    session() {
      const { state } = connection;
      const isMaster = state.kind === 'ready' && addressKey(state.master) === addressKey(link.address);
      return isMaster && link.closed === undefined ? link : undefined;
    },
  };
}
