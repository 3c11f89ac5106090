/** A growing list of numbers, of which most are integers near their neighbours: 2 or 4 bytes each, 8 for others. */

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;
const FIRST_CHUNK = 64;
const MAX_INT16 = 2 ** 15 - 1;
const MAX_INT32 = 2 ** 31 - 1;

type Chunk = Int16Array | Int32Array | Float64Array;

export class NumberColumn {
  /** Differences from the chunk's base, in the smallest type that holds all of them. */
  readonly #chunks: Chunk[] = [];
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
      this.#chunks.push(new Int16Array(this.#length === 0 ? FIRST_CHUNK : CHUNK));
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
    const difference = value - (this.#bases[at] as number);
    let chunk = this.#chunks[at] as Chunk;
    while (!fits(chunk, difference)) chunk = widened(chunk);
    this.#chunks[at] = chunk;
    chunk[index & MASK] = difference;
  }
}

function fits(chunk: Chunk, difference: number): boolean {
  if (chunk instanceof Float64Array) return true;
  const most = chunk instanceof Int16Array ? MAX_INT16 : MAX_INT32;
  return Number.isInteger(difference) && Math.abs(difference) <= most;
}

function widened(chunk: Chunk): Chunk {
  return chunk instanceof Int16Array ? Int32Array.from(chunk) : Float64Array.from(chunk);
}

/** Returns a copy with four times the capacity. */
function grown(chunk: Chunk): Chunk {
  const size = Math.min(CHUNK, chunk.length * 4);
  const larger = new (chunk.constructor as new (size: number) => Chunk)(size);
  larger.set(chunk);
  return larger;
}
