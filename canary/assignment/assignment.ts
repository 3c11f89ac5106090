/**
 * Sticky assignment: an id always falls into the same bucket, regardless of the stage, so a growing share only adds
 * users.
 *
 *   murmur3(flag ':' id) / 2^32 = bucket in [0, 1)   ─▶ canary if bucket < share
 */
import { murmur3 } from './murmur3.ts';

export type Arm = 'canary' | 'control';

const RANGE = 2 ** 32;

/** Returns the hash of a user or session for a flag: an unsigned 32-bit integer, the same in every stage. */
export function hashOf(flag: string, id: string): number {
  return murmur3(`${flag}:${id}`);
}

/** Returns the arm for a hash. @param share share of the users in the canary, 0 to 1 */
export function armOfHash(hash: number, share: number): Arm {
  return hash / RANGE < share ? 'canary' : 'control';
}

/** Returns the arm of a user or session. @param share share of the users in the canary, 0 to 1 */
export function armOf(flag: string, id: string, share: number): Arm {
  return armOfHash(hashOf(flag, id), share);
}
