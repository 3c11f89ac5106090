/**
 * Splits the content of a history into lines without holding the file in memory. Pure.
 *
 *   pieces of bytes ─▶ text up to the last line feed of a piece ─▶ lines
 *
 * A line feed is never part of a longer UTF-8 sequence, so the text up to a line feed can be decoded separately.
 */

const LINE_FEED = 10;

/** A line of a history, without its line feed. */
export interface Line {
  readonly text: string;
  /** Number of the line in its file, from 1. */
  readonly number: number;
  /** Whether the line ends with a line feed. Only the last line of a file may lack it. */
  readonly isComplete: boolean;
}

/**
 * Returns the lines of a file. A line feed at the end of the file does not start another line.
 *
 * @param onTooLong called with the number of a line that has more than `maxBytes`, before it is decoded; it must throw
 */
export function* linesOf(
  content: string | Iterable<Uint8Array>,
  maxBytes: number,
  onTooLong: (number: number) => never,
): Generator<Line> {
  let number = 0;
  const blocks =
    typeof content === 'string' ? [content] : textBlocks(content, maxBytes, () => onTooLong(number + 1));
  for (const block of blocks) {
    let from = 0;
    while (from < block.length) {
      const end = block.indexOf('\n', from);
      number++;
      if (end === -1) {
        yield { text: block.slice(from), number, isComplete: false };
        break;
      }
      yield { text: block.slice(from, end), number, isComplete: true };
      from = end + 1;
    }
  }
}

/** Returns the content as texts of complete lines; only the last text may end without a line feed. */
function* textBlocks(
  pieces: Iterable<Uint8Array>,
  maxBytes: number,
  onTooLong: () => never,
): Generator<string> {
  /** Bytes that are not decoded yet. One buffer serves the whole file: a buffer per piece would fragment the memory. */
  let bytes = Buffer.alloc(0);
  /** Size of the start of a line whose end has not been read yet. */
  let pending = 0;
  for (const piece of pieces) {
    const size = pending + piece.length;
    if (size > bytes.length) bytes = enlarged(bytes, size);
    bytes.set(piece, pending);
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      yield bytes.toString('utf8', 0, pending + end);
      bytes.copyWithin(0, pending + end, size);
    }
    pending = end > 0 ? piece.length - end : size;
    if (pending > maxBytes) onTooLong();
  }
  if (pending > 0) yield bytes.toString('utf8', 0, pending);
}

/** Returns a copy with room for at least `size` bytes. */
function enlarged(bytes: Uint8Array, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.alloc(2 * size);
  larger.set(bytes);
  return larger;
}
