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
 * Returns the lines of a file. The end of a file after a line feed is not a line.
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
  /** Start of a line whose end has not been read yet; copies, because a piece is valid only until the next one. */
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for (const piece of pieces) {
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      yield decode([...pending, piece.subarray(0, end)]);
      pending = [];
      pendingBytes = 0;
    }
    if (end < piece.length) pending.push(Buffer.from(piece.subarray(end)));
    pendingBytes += piece.length - end;
    if (pendingBytes > maxBytes) onTooLong();
  }
  if (pendingBytes > 0) yield decode(pending);
}

function decode(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('utf8');
}
