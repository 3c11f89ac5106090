/** A simulated backend: a real timer with a seeded duration, so that the time saved by a cache is real time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seededRandom } from './random.ts';

/**
 * Returns a backend that answers after a time drawn uniformly between the two bounds. The times come from their own
 * random stream, so that the number of loads does not change the operations that follow.
 */
export function simulatedBackend(random: Random, fastestMs: number, slowestMs: number) {
  const times = seededRandom(random.int(2 ** 32), 'backend');
  return async (answer: string): Promise<string> => {
    await sleep(fastestMs + times.next() * (slowestMs - fastestMs));
    return answer;
  };
}
