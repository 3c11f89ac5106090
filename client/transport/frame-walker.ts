/**
 * Finds the ends of RESP frames (commands and replies, in both protocol versions) in a stream of bytes, without
 * decoding them. Chunks may end anywhere.
 */
const [LF, MINUS, ZERO, NINE, STAR, DOLLAR, ATTRIBUTE] = [0x0a, 0x2d, 0x30, 0x39, 0x2a, 0x24, 0x7c];
/** Types whose header is a length in bytes: string, blob error, verbatim string. */
const BULKS = new Set([DOLLAR, 0x21, 0x3d]);
/** Types whose header gives the number of frames that follow: array, set, push. */
const LISTS = new Set([STAR, 0x7e, 0x3e]);
/** Types whose header is a number of pairs of frames: map, attribute. */
const PAIRS = new Set([0x25, ATTRIBUTE]);

export class FrameWalker {
  /** Number of frames that remain until the outermost frame ends; 0: between two outermost frames. */
  #frames = 0;
  /** Number of bytes that remain of the current string. */
  #bytes = 0;
  /** Header line that is being read: its type (0: none), its number and its sign. */
  #type = 0;
  #number = 0;
  #isNegative = false;

  /** Returns the end of the outermost frame that begins or continues at `from`; -1 if it does not end in this chunk. */
  walk(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#frames === 0) this.#frames = 1;
    while (at < chunk.length) {
      if (this.#bytes > 0) {
        const skipped = Math.min(this.#bytes, chunk.length - at);
        this.#bytes -= skipped;
        at += skipped;
        if (this.#bytes === 0) this.#frames -= 1;
      } else at = this.#header(chunk, at);
      if (this.#frames === 0) return at;
    }
    return -1;
  }

  #header(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#type === 0) this.#type = byte;
      else if (byte === LF) {
        this.#enter();
        return at + 1;
      } else if (byte === MINUS) this.#isNegative = true;
      else if (byte >= ZERO && byte <= NINE) this.#number = this.#number * 10 + byte - ZERO;
    }
    return chunk.length;
  }

  /** Handles a complete header. */
  #enter(): void {
    const type = this.#type;
    const number = this.#isNegative ? -1 : this.#number;
    this.#type = 0;
    this.#number = 0;
    this.#isNegative = false;
    if (BULKS.has(type) && number >= 0) {
      this.#bytes = number + 2;
      return;
    }
    if (LISTS.has(type)) this.#frames += Math.max(0, number);
    // An attribute precedes the reply to which it belongs.
    else if (PAIRS.has(type)) this.#frames += Math.max(0, number) * 2 + (type === ATTRIBUTE ? 1 : 0);
    this.#frames -= 1;
  }
}
