import { parseBytes } from '../../../../config/units.ts';
import { canonicalName, entriesNamed } from '../grammar/index.ts';
import { type ConfLine, splitArguments } from '../text.ts';

/** A configuration file with lookups by canonical name; the last line takes precedence, as it does in the servers. */
export class Conf {
  readonly lines: readonly ConfLine[];

  constructor(lines: readonly ConfLine[]) {
    this.lines = lines.map(withSplitList);
  }

  all(name: string): readonly ConfLine[] {
    return this.lines.filter((line) => line.name !== undefined && canonicalName(line.name) === name);
  }

  last(name: string): ConfLine | undefined {
    return this.all(name).at(-1);
  }

  /** Returns the effective value: the last one in the file, otherwise the default of the server. */
  value(name: string, byDefault: string): string {
    return this.last(name)?.args.join(' ') ?? byDefault;
  }

  /** Returns the location of a finding about `name`. */
  place(name: string): { readonly line: number; readonly directive: string } {
    return { line: this.last(name)?.line ?? 0, directive: name };
  }

  number(name: string, byDefault: number): number {
    return Number(this.value(name, String(byDefault)));
  }

  bytes(name: string, byDefault: number): number {
    return parseBytes(this.value(name, String(byDefault))) ?? byDefault;
  }

  /** Returns the value of a switch; anything but `yes` counts as off. */
  on(name: string, byDefault: boolean): boolean {
    return this.value(name, byDefault ? 'yes' : 'no').toLowerCase() === 'yes';
  }

  has(name: string): boolean {
    return this.last(name) !== undefined;
  }
}

/** Splits a list in one quoted word, such as `save "900 1"`. */
function withSplitList(line: ConfLine): ConfLine {
  const [only, ...more] = line.args;
  const isList = entriesNamed(line.name ?? '').some(({ directive }) => directive.value.kind === 'list');
  if (!isList || only === undefined || only === '' || more.length > 0) return line;
  return { ...line, args: splitArguments(only) ?? [] };
}
