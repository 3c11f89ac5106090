/** Connections of their own to a master that is known, for what the shared one cannot do: subscriptions. */

import type { Address } from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import { ConnectionFactory } from './connection-factory.ts';
import type { Link } from './link.ts';

/** Opens RESP2 links with the login, database and TLS of the shared connection. @param factory that of the shared one */
export function dedicatedConnections(
  options: ResolvedConnection,
  factory = new ConnectionFactory(options),
): (master: Address) => Promise<Link> {
  return (address) => factory.subscriber(address, true);
}
