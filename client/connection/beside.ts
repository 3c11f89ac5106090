/** Connections of their own to a master that is known, for what the shared one cannot do: subscriptions. */
import type { ResolvedConnection } from '../options.ts';
import type { Address } from '../types.ts';
import { Dial } from './dial.ts';
import type { Link } from './link.ts';

/** Opens RESP2 links with the login, database and TLS of the shared connection. @param dial that of the shared one */
export function linksBeside(
  options: ResolvedConnection,
  dial = new Dial(options),
): (master: Address) => Promise<Link> {
  return (address) => dial.subscriber(address, true);
}
