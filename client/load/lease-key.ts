/**
 * Name of the lease that belongs to an entry. The lease is in the entry's slot of a Redis Cluster, and different
 * entries have different leases.
 */

/**
 * Returns the part of a key that Redis Cluster hashes: the text in the first braces if it is not empty, otherwise the
 * complete key.
 */
export function hashTagOf(key: string): string {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

/**
 * Returns the name of an entry's lease. A key with a `}` and no hash tag has no lease in its own slot: Redis Cluster
 * would refuse a command with both keys (CROSSSLOT), so such a key is loaded without a lease.
 *
 * @param physical `namespace:key`
 */
export function leaseKey(namespace: string, physical: string): string {
  const key = physical.slice(namespace.length + 1);
  // The first hash tag in the name of the lease is the hash tag of the namespace.
  if (hashTagOf(namespace) !== namespace) return `${namespace}:~lease:${key}`;
  const tag = hashTagOf(physical);
  return tag === physical ? `${namespace}:~lease:{${physical}}` : `${namespace}:~lease:{${tag}}:${key}`;
}

/** Returns the channel on which lease holders notify waiters that a load has ended. */
export const readyChannel = (namespace: string): string => `${namespace}:~ready`;
