/**
 * Coordinates a durable write with the deletion journal. The write is sent on a separate connection, so a replayed
 * deletion of its key could reach Redis after the write. Until the write is acknowledged, the key stays pending, and no
 * read uses the value in Redis.
 */
import { DurabilityError } from '../api/errors.ts';
import type { Fallback } from '../cache/fallback.ts';

/**
 * Sends the write once no replay of its key is in flight.
 *
 * @param place position of the write in the journal's order
 * @param wrote returns false if Redis replied without writing (NX)
 */
export async function writeDurably<R>(
  fallback: Fallback,
  physical: string,
  place: number,
  send: () => Promise<R>,
  wrote: (result: R) => boolean = () => true,
): Promise<R> {
  const { journal } = fallback;
  try {
    const replay = journal.hold(physical);
    if (replay) await replay;
    const result = await send();
    if (wrote(result)) {
      journal.order.taken(physical, place);
      fallback.supersede(physical, place);
    }
    return result;
  } catch (error) {
    // The master has applied the write, which replaces the pending deletion.
    if (error instanceof DurabilityError) fallback.settle(physical, place);
    throw error;
  } finally {
    journal.release(physical);
  }
}
