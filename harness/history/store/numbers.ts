/**
 * A growing list of numbers, most of which are integers close to their neighbours: these take 2 or 4 bytes each, all
 * others 8.
 *
 *   push ─▶ the open chunk, 8 bytes per number ─▶ once it is full, a chunk of the smallest type
 *
 * The open chunk is reused, so that a list leaves little garbage: V8 collects array buffers late.
 */

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;
const FIRST_CHUNK = 64;
const MAX_INT16 = 2 ** 15 - 1;
const MAX_INT32 = 2 ** 31 - 1;

type Chunk = Int16Array | Int32Array | Float64Array;

export class NumberColumn {
  /** Full chunks: differences from the chunk's base, in the smallest type that holds all of them. */
  readonly #chunks: Chunk[] = [];
  /** First number of each full chunk. */
  readonly #bases: number[] = [];
  /** Numbers after the full chunks. */
  #open = new Float64Array(FIRST_CHUNK);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const within = this.#length++ & MASK;
    if (within === this.#open.length) this.#open = grown(this.#open);
    this.#open[within] = value;
    if (within === MASK) this.#close();
  }

  /** Returns the number at an index below the length. */
  at(index: number): number {
    const chunk = index >>> CHUNK_BITS;
    if (chunk === this.#chunks.length) return this.#open[index & MASK] as number;
    return (this.#bases[chunk] as number) + ((this.#chunks[chunk] as Int32Array)[index & MASK] as number);
  }

  /** Replaces the number at an index below the length. */
  set(index: number, value: number): void {
    const at = index >>> CHUNK_BITS;
    if (at === this.#chunks.length) {
      this.#open[index & MASK] = value;
      return;
    }
    const difference = value - (this.#bases[at] as number);
    let chunk = this.#chunks[at] as Chunk;
    while (!fits(chunk, difference)) chunk = widened(chunk);
    this.#chunks[at] = chunk;
    chunk[index & MASK] = difference;
  }

  /** Adds the open chunk, which is full, to the full chunks. */
  #close(): void {
    const [first = 0] = this.#open;
    let most = Number.isInteger(first) ? 0 : Number.POSITIVE_INFINITY;
    for (const value of this.#open) {
      const difference = value - first;
      most = Math.max(most, Number.isInteger(difference) ? Math.abs(difference) : Number.POSITIVE_INFINITY);
    }
    // A base of 0 keeps fractions exact.
    const base = most <= MAX_INT32 ? first : 0;
    const chunk = emptyChunk(most);
    for (let i = 0; i < CHUNK; i++) chunk[i] = (this.#open[i] as number) - base;
    this.#chunks.push(chunk);
    this.#bases.push(base);
  }
}

function emptyChunk(most: number): Chunk {
  if (most <= MAX_INT16) return new Int16Array(CHUNK);
  return most <= MAX_INT32 ? new Int32Array(CHUNK) : new Float64Array(CHUNK);
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
function grown(open: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(open.length * 4);
  larger.set(open);
  return larger;
}
