/** Opens the coherence of one cache on demand: immediately for the first tier; for tags, when a tag is first used. */
import type { Coherence } from './coherence.ts';

export class CoherenceOnDemand {
  readonly #make: () => Coherence;
  #opened: Coherence | undefined;

  constructor(make: () => Coherence) {
    this.#make = make;
  }

  get opened(): Coherence | undefined {
    return this.#opened;
  }

  open(): Coherence {
    this.#opened ??= this.#make();
    return this.#opened;
  }
}
