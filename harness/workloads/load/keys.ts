/**
 * Returns the logical key of a rank. With the tag of a trial, a key has 36 characters, the median in Twitter's traces.
 */
export function keyOfRank(tag: string, rank: number): string {
  return `load:${tag}:`.padEnd(30, '0') + String(rank).padStart(6, '0');
}
