/** Connections of their own to a master that is known, for what the shared one cannot do: subscriptions. */
import type { ResolvedConnection } from '../options.ts';
import type { Address } from '../types.ts';
import { Link } from './link.ts';

/** Opens RESP2 links with the user, password, database and TLS of the shared connection. */
export function linksBeside(options: ResolvedConnection): (master: Address) => Promise<Link> {
  const { username, password, db, tls, connectTimeoutMs } = options;
  return (address) =>
    Link.open({ address, username, password, db, tls, timeoutMs: connectTimeoutMs, protocol: 2 });
}
