/** The coherence of one cache, opened by what needs it first: the first tier at once, tags with their first use. */
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
