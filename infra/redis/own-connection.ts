/** Separate connections to a node, for an operation that must not share the admin connection with others. */
import type { Redis, RedisOptions } from 'ioredis';

/**
 * Opens a connection with the address and credentials of the given one.
 *
 * @throws Error if the node cannot be reached; later errors are reported by the commands
 */
export async function ownConnection(shared: Redis, options: Partial<RedisOptions> = {}): Promise<Redis> {
  const own = shared.duplicate(options);
  own.on('error', () => {}); // The commands report the error.
  await own.connect();
  return own;
}

/** Reconnects, if a sentinel or the watchdog has demoted the node and closed its connections. */
export async function reopened(own: Redis): Promise<Redis> {
  if (own.status === 'end') await own.connect();
  return own;
}
