/** Dedicated connections to a known master, for subscriptions. */

import type { Address } from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import { ConnectionFactory } from './connection-factory.ts';
import type { Link } from './link.ts';

/**
 * Opens RESP2 links with the login, database and TLS of the shared connection.
 *
 * @param factory factory of the shared connection
 */
export function dedicatedConnections(
  options: ResolvedConnection,
  factory = new ConnectionFactory(options),
): (master: Address) => Promise<Link> {
  return (address) => factory.subscriber(address, true);
}
