/** Decides whether a node that reports master was deposed. Pure. */

/**
 * @typedef {{ readonly master: string, readonly epoch: number }} Report Master that one sentinel reports, and its configuration epoch.
 * @typedef {{ readonly role: string, readonly id: string, readonly formerId: string }} Replication `role`, `master_replid` and `master_replid2`.
 */

/**
 * Returns the master that a majority of all sentinels report at the highest epoch; undefined if there is no majority.
 *
 * @param {readonly Report[]} reports reports of the sentinels that replied
 * @param {number} sentinelCount number of all sentinels, including sentinels without a reply
 * @returns {string | undefined}
 */
export function namedMaster(reports, sentinelCount) {
  const latest = Math.max(...reports.map(({ epoch }) => epoch));
  const current = reports.filter(({ epoch }) => epoch === latest);
  const [first, ...others] = new Set(current.map(({ master }) => master));
  return others.length === 0 && current.length > sentinelCount / 2 ? first : undefined;
}

/**
 * Returns whether the named master has replaced the node. Redis gives a replica a new replication id at the moment of
 * its promotion and keeps the previous one (replication.c, shiftReplicationId). So a node with the previous id of the
 * named master, or with an id under which the sentinels named the node itself, has not been promoted since: it is not
 * the replica that a failover in progress has just promoted.
 *
 * @param {Replication} node
 * @param {Replication} named
 * @param {ReadonlySet<string>} namedIds replication ids under which the sentinels named a master
 */
export function isDeposed(node, named, namedIds) {
  if (node.role !== 'master' || named.role !== 'master' || node.id === named.id) return false;
  return node.id === named.formerId || namedIds.has(node.id);
}
