/** Opens the coherence of one cache on demand: at once for the first tier, at the first use of a tag for tags. */
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
