/** Returns the smallest majority: the number of sentinels, or of masters of a cluster, that must agree on a failover. */
export const majorityOf = (members: number): number => Math.floor(members / 2) + 1;
