/** Splits commands with many keys by slot, as a cluster requires. */

import { BATCH_KEYS } from '../cache/batches.ts';

/** Returns the slot of a key in a cluster; absent with a single master. */
export type SlotOf = ((key: string) => number) | undefined;

/**
 * Groups keys so that one command may name all keys of a group: in a cluster only keys in one slot, and at most
 * `BATCH_KEYS`.
 */
export function bySlot<K>(
  keys: readonly K[],
  nameOf: (key: K) => string,
  slotOf: SlotOf,
): readonly (readonly K[])[] {
  if (keys.length === 0) return [];
  if (!slotOf) return chunksOf(keys);
  const groups = new Map<number, K[]>();
  for (const key of keys) {
    const slot = slotOf(nameOf(key));
    const group = groups.get(slot);
    if (group) group.push(key);
    else groups.set(slot, [key]);
  }
  return [...groups.values()].flatMap(chunksOf);
}

function chunksOf<K>(keys: readonly K[]): readonly (readonly K[])[] {
  if (keys.length <= BATCH_KEYS) return [keys];
  const groups: (readonly K[])[] = [];
  for (let at = 0; at < keys.length; at += BATCH_KEYS) groups.push(keys.slice(at, at + BATCH_KEYS));
  return groups;
}
