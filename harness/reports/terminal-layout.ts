/**
 * Lines of a report for a terminal of a given width: wrapped text, tables, and pairs of label and value. A table that
 * does not fit becomes one block per row, so that no figure is truncated.
 */
import { clipText } from './wording.ts';

export type Paint = 'green' | 'red' | 'yellow' | 'dim' | 'bold';

export interface LayoutOptions {
  /** Whether to use ANSI colours; default false. */
  readonly colour?: boolean;
  /**
   * Number of columns of the terminal; default 100, at least 40. Text uses at most 100 columns; tables use all columns.
   */
  readonly width?: number;
}

const DEFAULT_WIDTH = 100;
const LEAST_WIDTH = 40;
const LABEL_WIDTH = 46;
const ANSI: Readonly<Record<Paint, string>> = { green: '32', red: '31', yellow: '33', dim: '2', bold: '1' };

/** A column: its name, the widest cell at 100 columns, and its alignment. */
export interface Column {
  readonly name: string;
  readonly widest: number;
  readonly align: 'left' | 'right';
}

export interface TableLines {
  /** Lines of the header; empty if the rows are blocks, which name their own figures. */
  readonly header: readonly string[];
  /** Lines of each row. */
  readonly rows: readonly (readonly string[])[];
}

export class Layout {
  readonly #colour: boolean;
  readonly #width: number;
  readonly #textWidth: number;

  constructor({ colour = false, width = DEFAULT_WIDTH }: LayoutOptions) {
    this.#colour = colour;
    this.#width = Math.max(LEAST_WIDTH, width);
    this.#textWidth = Math.min(DEFAULT_WIDTH, this.#width);
  }

  paint(name: Paint, text: string): string {
    return this.#colour ? `\u001b[${ANSI[name]}m${text}\u001b[0m` : text;
  }

  heading(text: string): string {
    return this.paint('bold', text);
  }

  /** Truncates a string to one line. */
  clip(text: string): string {
    return clipText(text, this.#textWidth);
  }

  /** Whether a string fits in one line. */
  fits(text: string): boolean {
    return visibleLength(text) <= this.#textWidth;
  }

  /** Breaks a text at spaces; a word longer than a line is broken at the end of the line. */
  wrap(text: string, indent: number, hanging = indent): readonly string[] {
    return wrapText(text, this.#textWidth, indent, hanging);
  }

  /** Formats a label and its value in two columns; a long label gets its own lines. */
  pair(label: string, value: string): readonly string[] {
    const column = Math.min(LABEL_WIDTH, Math.floor(this.#textWidth * 0.46));
    if (visibleLength(label) > column) return [...this.wrap(label, 4, 6), ...this.wrap(value, 6)];
    const [first = '', ...rest] = wrapText(value, this.#textWidth - column - 5, 0, 0);
    return [`    ${label.padEnd(column)} ${first}`, ...rest.map((line) => ' '.repeat(column + 5) + line)];
  }

  /**
   * Formats a table. Each column is as wide as necessary, up to a maximum that grows with the terminal. A table wider
   * than the terminal becomes blocks: the first two cells, then the others with their names.
   */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): TableLines {
    const scale = Math.max(1, this.#width / DEFAULT_WIDTH);
    const widths = columns.map(({ name, widest }, column) => {
      const cells = [name, ...rows.map((row) => row[column] ?? '')];
      return Math.min(Math.floor(widest * scale), Math.max(...cells.map(visibleLength)));
    });
    const total = widths.reduce((sum, width) => sum + width + 2, 0);
    if (total > this.#width) return { header: [], rows: rows.map((row) => this.#block(columns, row)) };
    const line = (row: readonly string[]) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        const cut = clipText(cell, width);
        const pad = ' '.repeat(Math.max(0, width - visibleLength(cut)));
        return columns[column]?.align === 'right' ? pad + cut : cut + pad;
      });
      return `  ${cells.join('  ')}`.trimEnd();
    };
    return { header: [line(columns.map(({ name }) => name))], rows: rows.map((row) => [line(row)]) };
  }

  #block(columns: readonly Column[], row: readonly string[]): readonly string[] {
    const figures = columns.slice(2).map(({ name }, index) => `${name} ${row[index + 2] ?? ''}`);
    return [...this.wrap(row.slice(0, 2).join('  '), 2, 4), ...this.wrap(figures.join(' · '), 6)];
  }
}

function visibleLength(text: string): number {
  return [...text].length;
}

function wrapText(text: string, width: number, indent: number, hanging: number): readonly string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  let empty = true;
  for (const word of text.split(' ').flatMap((each) => splitWords(each, width - Math.max(indent, hanging)))) {
    if (!empty && visibleLength(line) + 1 + visibleLength(word) > width) {
      lines.push(line);
      line = ' '.repeat(hanging);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

function splitWords(word: string, width: number): readonly string[] {
  const symbols = [...word];
  if (symbols.length <= width) return [word];
  const count = Math.ceil(symbols.length / width);
  return Array.from({ length: count }, (_, i) => symbols.slice(i * width, (i + 1) * width).join(''));
}
