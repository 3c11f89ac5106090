/**
 * Splits bulk operations on any number of keys into batches of bounded size, with a bounded number of batches in
 * flight. Redis therefore serves other clients between batches, each batch is answered within the deadline for one
 * command, and the memory in use is bounded.
 */
import type { Names } from '../api/invalidation.ts';

/** Number of keys per batch. UNLINK of 500 keys with their leases takes Redis less than 1 ms. */
export const BATCH_KEYS = 500;
/**
 * Number of concurrent batches. More than one, so that a slow network stays busy while the first replies are in
 * transit.
 */
const BATCHES_AHEAD = 4;

export function namesIn(names: Names): readonly string[] {
  const [first] = names;
  return names.length === 1 && Array.isArray(first) ? first : (names as readonly string[]);
}

/**
 * Calls `start` for each batch, and `done` with the result of each batch, in the order of the items. The first batch
 * starts before this function returns. After an error no more batches start, and the error is thrown once all started
 * batches have ended.
 */
export async function inBatches<T, R>(
  items: Iterable<T>,
  start: (batch: readonly T[]) => Promise<R>,
  done: (result: R, batch: readonly T[]) => void,
): Promise<void> {
  const batches = batchesOf(items);
  const started: { readonly batch: readonly T[]; readonly result: Promise<R> }[] = [];
  const startNext = (): void => {
    const next = batches.next();
    if (next.done) return;
    const result = start(next.value);
    // The result is awaited later, in order.
    result.catch(() => {});
    started.push({ batch: next.value, result });
  };
  try {
    for (let i = 0; i < BATCHES_AHEAD; i++) startNext();
    for (let first = started.shift(); first; first = started.shift()) {
      const result = await first.result;
      startNext();
      done(result, first.batch);
    }
  } catch (error) {
    await Promise.allSettled(started.map(({ result }) => result));
    throw error;
  }
}

function* batchesOf<T>(items: Iterable<T>): Generator<readonly T[]> {
  if (Array.isArray(items) && items.length <= BATCH_KEYS) {
    if (items.length > 0) yield items;
    return;
  }
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < BATCH_KEYS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
