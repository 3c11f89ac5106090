/**
 * Keeps the last result of an expensive read, such as one that runs a program, for callers that accept an older result.
 *
 *   read(0) ─▶ a new read;  read(maxAgeMs) ─▶ the last result if it began within that time, else a new read
 *
 * Call `forget` after a change by this process: no later call then gets a result that was read before the change.
 */
import { coalescedRead } from './coalesced-read.ts';

export class RecentRead<T> {
  readonly #read: () => Promise<T>;
  readonly #now: () => number;
  #last: { readonly startedMs: number; readonly result: T } | undefined;
  #changes = 0;

  constructor(read: () => Promise<T>, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#read = coalescedRead(async () => {
      const [changes, startedMs] = [this.#changes, this.#now()];
      const result = await read();
      if (changes === this.#changes) this.#last = { startedMs, result };
      return result;
    });
  }

  async read(maxAgeMs = 0): Promise<T> {
    const last = this.#last;
    if (last !== undefined && this.#now() - last.startedMs < maxAgeMs) return last.result;
    return this.#read();
  }

  forget(): void {
    this.#changes += 1;
    this.#last = undefined;
  }
}
