/** Data of one or more nodes after healing, indexed by the numbers of keys and values. */
import type { History, NumberedFinal } from '../history/events.ts';

export class FinalEntries {
  readonly #history: History;
  readonly #finals: readonly NumberedFinal[];
  /** Number of each key's value, plus 1; 0 for a key that was not read. */
  readonly #values: Int32Array;
  /** Position of each key's shard in `#shards`, plus 1; undefined outside a cluster. */
  readonly #shardOfKey: Uint8Array | undefined;
  readonly #shards: readonly string[];

  /** @param finals final reads; a later entry for a key replaces an earlier one */
  constructor(history: History, finals: readonly NumberedFinal[]) {
    this.#history = history;
    this.#finals = finals;
    this.#values = new Int32Array(history.keys.size);
    this.#shards = [...new Set(finals.flatMap(({ shard }) => shard ?? []))];
    this.#shardOfKey = this.#shards.length === 0 ? undefined : new Uint8Array(history.keys.size);
    for (const final of finals) this.#add(final);
  }

  /** Returns the number of the value of a key; undefined if the key was not read. */
  valueNumberOf(keyNumber: number): number | undefined {
    const value = this.#values[keyNumber] ?? 0;
    return value === 0 ? undefined : value - 1;
  }

  /** Returns the value of a key; null if it is absent, undefined if it was not read. */
  valueOf(keyNumber: number): string | null | undefined {
    const value = this.valueNumberOf(keyNumber);
    return value === undefined ? undefined : this.#history.values.textOf(value);
  }

  /** Returns the shard that currently owns a key; undefined outside a cluster. */
  shardOf(keyNumber: number): string | undefined {
    const position = this.#shardOfKey?.[keyNumber] ?? 0;
    return position === 0 ? undefined : this.#shards[position - 1];
  }

  /** Returns the number of each key once, in the order of the final reads. */
  *keyNumbers(): Generator<number> {
    const isSeen = new Uint8Array(this.#values.length);
    for (const final of this.#finals) {
      for (let i = 0; i < final.length; i++) {
        const key = final.keyNumberAt(i);
        if (isSeen[key] === 0) yield key;
        isSeen[key] = 1;
      }
    }
  }

  #add(final: NumberedFinal): void {
    const shard = final.shard === undefined ? 0 : this.#shards.indexOf(final.shard) + 1;
    for (let i = 0; i < final.length; i++) {
      const key = final.keyNumberAt(i);
      this.#values[key] = final.valueNumberAt(i) + 1;
      if (this.#shardOfKey !== undefined) this.#shardOfKey[key] = shard;
    }
  }
}
