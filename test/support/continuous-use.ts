/** An application that writes and reads continuously while its environment changes, and records what fails. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Cache, OutcomeUnknownError } from '../../client/index.ts';
import { isEndedBySwitchover } from '../../harness/workloads/scripted/rotate-password.ts';
import { waitUntil } from './redis-process.ts';

const DURABILITY = { replicas: 1, timeoutMs: 5_000 };
/** Pause after a write and a read, in ms, so that the application does not take the CPU time of the nodes. */
const PAUSE_MS = 5;
const BATCH = 500;

export class ContinuousUse {
  /** Keys of the writes that are stored; the value of each is its key. */
  readonly written: string[] = [];
  readonly failed: unknown[] = [];
  /** Number of writes that a switchover interrupted, so that it is not known whether they are stored. */
  unconfirmed = 0;
  readonly #cache: Cache;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(cache: Cache) {
    this.#cache = cache;
    this.#running = this.#run();
  }

  async more(count: number): Promise<void> {
    const target = this.written.length + count;
    await waitUntil(`${count} more writes`, () => this.written.length >= target);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Returns the keys that do not have their value any more. */
  async lostKeys(): Promise<readonly string[]> {
    const lost: string[] = [];
    for (let i = 0; i < this.written.length; i += BATCH) {
      const some = this.written.slice(i, i + BATCH);
      const seen = await this.#cache.getMany(some);
      lost.push(...some.filter((name) => seen.get(name) !== name));
    }
    return lost;
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) {
      await pause(PAUSE_MS);
      const name = `written:${n}`;
      const receipt = await this.#cache
        .set(name, name, n % 2 === 0 ? { durability: DURABILITY } : {})
        .catch((error) => error);
      // The master changed while this set was in flight.
      if (receipt instanceof OutcomeUnknownError) {
        this.unconfirmed += 1;
        continue;
      }
      const read = await this.#cache.lookup(name).catch((error) => error);
      // While no connection is open, a read is served from memory, which has no entry.
      const isRead = read.source === 'memory' || read.value === name;
      // If a switchover interrupted the WAIT after a write, the value is stored although the confirmation never
      // arrives.
      const isStored = receipt.source === 'redis' || isEndedBySwitchover(receipt);
      if (!isStored || !isRead) this.failed.push({ name, receipt, read });
      this.written.push(name);
    }
  }
}
