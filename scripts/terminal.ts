/**
 * Results on stdout, everything else on stderr. Progress is one line that updates itself on a terminal and plain lines
 * elsewhere; a quiet terminal (`--json`) has none.
 */
import { stripVTControlCharacters } from 'node:util';

/** What is used of `process.stdout` and `process.stderr`; tests give their own. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(): boolean;
}

export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

const WIDTH_WITHOUT_TERMINAL = 100;
const ERASE_LINE = '\r\x1b[2K';

export class Terminal {
  readonly #streams: Streams;
  readonly #quiet: boolean;
  /** What the progress shows: erased before anything else is written, not repeated in a log. */
  #showing = '';

  constructor(streams: Streams, options: { readonly quiet: boolean }) {
    this.#streams = streams;
    this.#quiet = options.quiet;
  }

  /** Columns of the terminal, or 100. */
  get width(): number {
    return widthOf(this.#streams.stdout);
  }

  /** Whether stdout takes colours: a terminal, and NO_COLOR is not set (`hasColors` reads it). */
  get colour(): boolean {
    const { stdout } = this.#streams;
    return stdout.isTTY === true && stdout.hasColors?.() === true;
  }

  /** A result. */
  print(text: string): void {
    this.endProgress();
    this.#streams.stdout.write(text);
  }

  /** An error, or a word beside the result. */
  complain(text: string): void {
    this.endProgress();
    this.#streams.stderr.write(text);
  }

  progress(line: string): void {
    const text = stripVTControlCharacters(line).replace(/\s+/g, ' ').trim();
    if (this.#quiet || text === '' || text === this.#showing) return;
    this.#showing = text;
    const { stderr } = this.#streams;
    if (stderr.isTTY === true) {
      stderr.write(`${ERASE_LINE}${shorten(text, widthOf(stderr) - 1)}`);
    } else {
      stderr.write(`${text}\n`);
    }
  }

  endProgress(): void {
    if (this.#showing !== '' && this.#streams.stderr.isTTY === true) this.#streams.stderr.write(ERASE_LINE);
    this.#showing = '';
  }
}

/** A terminal that does not know its size says 0. */
function widthOf({ columns = 0 }: Stream): number {
  return columns > 0 ? columns : WIDTH_WITHOUT_TERMINAL;
}

function shorten(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
