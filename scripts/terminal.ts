/**
 * Prints results on stdout, everything else on stderr. Progress is a single updated line on a terminal and plain lines
 * elsewhere; a quiet terminal (`--json`) has none.
 */
import { stripVTControlCharacters } from 'node:util';

/** Members of `process.stdout` and `process.stderr` that are used; tests pass their own. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  hasColors?(): boolean;
}

export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

const WIDTH_WITHOUT_TERMINAL = 100;
const HEIGHT_WITHOUT_SIZE = 24;
const ERASE_LINE = '\r\x1b[2K';

export class Terminal {
  readonly #streams: Streams;
  readonly #quiet: boolean;
  /** Current progress line, which is erased before any other output and not repeated in a log. */
  #showing = '';

  constructor(streams: Streams, options: { readonly quiet: boolean }) {
    this.#streams = streams;
    this.#quiet = options.quiet;
  }

  /** Number of columns of the terminal, or 100 if it is unknown. */
  get width(): number {
    return widthOf(this.#streams.stdout);
  }

  /** Number of rows of the terminal, or 24 if it is unknown. */
  get height(): number {
    const { rows = 0 } = this.#streams.stdout;
    return rows > 0 ? rows : HEIGHT_WITHOUT_SIZE;
  }

  /** Whether stdout is a terminal, whose screen can be overwritten. */
  get isInteractive(): boolean {
    return this.#streams.stdout.isTTY === true;
  }

  /** Whether stdout supports colours: a terminal, without NO_COLOR (`hasColors` reads it). */
  get colour(): boolean {
    const { stdout } = this.#streams;
    return stdout.isTTY === true && stdout.hasColors?.() === true;
  }

  /** Prints a result. */
  print(text: string): void {
    this.endProgress();
    this.#streams.stdout.write(text);
  }

  /** Prints an error or a note on stderr. */
  printError(text: string): void {
    this.endProgress();
    this.#streams.stderr.write(text);
  }

  progress(line: string): void {
    const text = stripVTControlCharacters(line).replace(/\s+/g, ' ').trim();
    if (this.#quiet || text === '' || text === this.#showing) return;
    this.#showing = text;
    const { stderr } = this.#streams;
    if (stderr.isTTY === true) {
      stderr.write(`${ERASE_LINE}${shortenLine(text, widthOf(stderr) - 1)}`);
    } else {
      stderr.write(`${text}\n`);
    }
  }

  endProgress(): void {
    if (this.#showing !== '' && this.#streams.stderr.isTTY === true) this.#streams.stderr.write(ERASE_LINE);
    this.#showing = '';
  }
}

/** Returns the number of columns. A terminal of unknown size reports 0. */
function widthOf({ columns = 0 }: Stream): number {
  return columns > 0 ? columns : WIDTH_WITHOUT_TERMINAL;
}

function shortenLine(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
