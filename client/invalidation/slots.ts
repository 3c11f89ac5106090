/** Commands with many keys, where a Cluster takes only those of one slot at a time. */

/** The slot of a key in a Cluster; absent where there is one master. */
export type SlotOf = ((key: string) => number) | undefined;

/** The keys in groups that one command may name. Without slots: all in one. */
export function bySlot<K>(
  keys: readonly K[],
  nameOf: (key: K) => string,
  slotOf: SlotOf,
): readonly (readonly K[])[] {
  if (keys.length === 0) return [];
  if (!slotOf) return [keys];
  const groups = new Map<number, K[]>();
  for (const key of keys) {
    const slot = slotOf(nameOf(key));
    const group = groups.get(slot);
    if (group) group.push(key);
    else groups.set(slot, [key]);
  }
  return [...groups.values()];
}
