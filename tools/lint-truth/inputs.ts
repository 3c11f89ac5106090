/** Reads the inputs: configuration files, folders, and lists of probes. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface Input {
  /** Path, or name of a probe. */
  readonly name: string;
  /** Bytes, because a probe may contain invalid UTF-8. */
  readonly bytes: Buffer;
}

/** Files, and all files in folders, sorted by name. */
export function readInputs(paths: readonly string[]): readonly Input[] {
  return paths.flatMap((path): readonly Input[] => {
    if (!statSync(path).isDirectory()) return [{ name: path, bytes: readFileSync(path) }];
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .map((name) => join(path, name))
      .filter((file) => statSync(file).isFile())
      .sort()
      .map((file) => ({ name: file, bytes: readFileSync(file) }));
  });
}

export function readProbes(path: string): readonly Input[] {
  return parseProbes(readFileSync(path)).map((probe) => ({
    ...probe,
    name: `${basename(path)}: ${probe.name}`,
  }));
}

/**
 * Parses `NAME|TEXT`, one per line, with `\n`, `\t`, `\r`, `\v`, `\f`, `\\` and `\xHH` in the text. Lines that begin
 * with # are comments.
 */
export function parseProbes(file: Buffer): readonly Input[] {
  // Latin-1 preserves every byte, regardless of the file's encoding.
  return file
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const [, name, text] = /^([^#|][^|]*)\|(.*)$/.exec(line) ?? [];
      return name === undefined || text === undefined
        ? []
        : [{ name, bytes: Buffer.from(decodeEscapes(text), 'latin1') }];
    });
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  v: '\v',
  f: '\f',
  '\\': '\\',
};

function decodeEscapes(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([ntrvf\\]))/g, (_, hex, letter) =>
    hex === undefined ? (ESCAPES[letter] ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
