/** A growing list of numbers, of which most are integers near their neighbours: 4 bytes each, 8 where they do not fit. */

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;
const FIRST_CHUNK = 64;
const MAX_INT32 = 2 ** 31 - 1;

export class NumberColumn {
  /** Differences from the chunk's base; a chunk with a number that does not fit into 32 bits is a Float64Array. */
  readonly #chunks: (Int32Array | Float64Array)[] = [];
  /** First number of each chunk. */
  readonly #bases: number[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const within = this.#length & MASK;
    const last = this.#chunks.length - 1;
    if (within === 0) {
      this.#chunks.push(new Int32Array(this.#length === 0 ? FIRST_CHUNK : CHUNK));
      this.#bases.push(Number.isInteger(value) ? value : 0);
    } else if (within === this.#chunks[last]?.length) {
      this.#chunks[last] = grown(this.#chunks[last]);
    }
    this.set(this.#length++, value);
  }

  /** Returns the number at an index below the length. */
  at(index: number): number {
    const chunk = index >>> CHUNK_BITS;
    return (this.#bases[chunk] as number) + ((this.#chunks[chunk] as Int32Array)[index & MASK] as number);
  }

  /** Replaces the number at an index below the length. */
  set(index: number, value: number): void {
    const at = index >>> CHUNK_BITS;
    const chunk = this.#chunks[at] as Int32Array | Float64Array;
    const difference = value - (this.#bases[at] as number);
    const fits =
      chunk instanceof Float64Array || (Number.isInteger(difference) && Math.abs(difference) <= MAX_INT32);
    const target = fits ? chunk : Float64Array.from(chunk);
    if (!fits) this.#chunks[at] = target;
    target[index & MASK] = difference;
  }
}

/** Returns a copy with four times the room. */
function grown(chunk: Int32Array | Float64Array): Int32Array | Float64Array {
  const size = Math.min(CHUNK, chunk.length * 4);
  const larger = chunk instanceof Float64Array ? new Float64Array(size) : new Int32Array(size);
  larger.set(chunk);
  return larger;
}
