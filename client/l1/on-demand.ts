/** Coherence of one cache, opened on demand: at once for the first tier, for tags at their first use. */
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
