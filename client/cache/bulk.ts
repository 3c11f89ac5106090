/** Operations on many keys, in batches (`batches.ts`), with one call of the underlying operation per batch. */

import type { Lookup, ReadOptions, WriteOptions, WriteReceipt } from '../api/types.ts';
import { BATCH_KEYS, inBatches } from './batches.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** Returns the results in the order of the keys. */
export async function getMany<T>(
  reader: Reader,
  keys: readonly string[],
  options: ReadOptions<T> | undefined,
): Promise<ReadonlyMap<string, T>> {
  if (keys.length <= BATCH_KEYS) return reader.found(keys, options);
  const found = new Map<string, T>();
  await inBatches(
    keys,
    (batch) => reader.found(batch, options),
    (values) => {
      for (const [key, value] of values) found.set(key, value);
    },
  );
  return found;
}

export async function lookupMany<T>(
  reader: Reader,
  keys: readonly string[],
  options: ReadOptions<T> | undefined,
): Promise<ReadonlyMap<string, Lookup<T>>> {
  const found = new Map<string, Lookup<T>>();
  await inBatches(
    keys,
    (batch) => reader.lookupMany(batch, options),
    (lookups, batch) => {
      for (const [i, lookup] of lookups.entries()) found.set(batch[i] as string, lookup);
    },
  );
  return found;
}

/**
 * Stores all entries. Returns the weakest receipt: `none`, then `memory`, then the receipt with the fewest replicas.
 */
export async function setMany<T>(
  writer: Writer,
  entries: ReadonlyMap<string, T>,
  options: WriteOptions,
): Promise<WriteReceipt> {
  let worst: WriteReceipt | undefined;
  await inBatches(
    entries,
    (batch) => Promise.all(batch.map(([key, value]) => writer.set(key, value, options))),
    (receipts) => {
      for (const receipt of receipts) worst = worseOf(worst, receipt);
    },
  );
  return worst ?? { source: 'none' };
}

const RANK = { none: 0, memory: 1, redis: 2 } as const;

function worseOf(a: WriteReceipt | undefined, b: WriteReceipt): WriteReceipt {
  if (!a || RANK[b.source] < RANK[a.source]) return b;
  if (RANK[b.source] > RANK[a.source]) return a;
  return (b.replicas ?? Number.POSITIVE_INFINITY) < (a.replicas ?? Number.POSITIVE_INFINITY) ? b : a;
}
