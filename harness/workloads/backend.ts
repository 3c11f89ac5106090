/**
 * A simulated backend: a real timer of a seeded length, so that the time saved by a cache is real time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

/** Returns a backend that answers after a time drawn uniformly between the two bounds. */
export function simulatedBackend(random: Random, fastestMs: number, slowestMs: number) {
  return async (answer: string): Promise<string> => {
    await sleep(fastestMs + random.next() * (slowestMs - fastestMs));
    return answer;
  };
}
