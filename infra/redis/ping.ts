/** Uses PING to verify that a server replies. */
import type { Redis } from 'ioredis';

/**
 * Sends PING and waits for the reply. A master that cannot save, such as one with a full disk, refuses PING with
 * MISCONF. It still replies and serves reads, so MISCONF counts as success.
 *
 * @throws the error of the connection, or another error reply
 */
export async function awaitPing(redis: Redis): Promise<void> {
  await redis.ping().catch((error: Error) => {
    if (!error.message.startsWith('MISCONF')) throw error;
  });
}
