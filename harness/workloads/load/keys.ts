/** Logical key of a rank: 36 characters for the tags of trials, Twitter's median. */
export function keyOfRank(tag: string, rank: number): string {
  return `load:${tag}:`.padEnd(30, '0') + String(rank).padStart(6, '0');
}
