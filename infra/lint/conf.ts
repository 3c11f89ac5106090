import { parseBytes } from '../../config/units.ts';
import { type ConfLine, parseConf } from '../conf-text.ts';
import { REDIS_DIRECTIVES } from '../directives.ts';

/** A conf file as rules ask it: by canonical name, the last line winning as it does in Redis. */
export class Conf {
  readonly lines: readonly ConfLine[];

  constructor(text: string) {
    this.lines = parseConf(text).filter((line) => line.name !== undefined);
  }

  all(name: string): readonly ConfLine[] {
    return this.lines.filter((line) => canonical(line.name) === name);
  }

  last(name: string): ConfLine | undefined {
    return this.all(name).at(-1);
  }

  /** The value in force: what the file says last, else Redis's default. */
  value(name: string, byDefault: string): string {
    return this.last(name)?.args.join(' ') ?? byDefault;
  }

  /** Where a finding about `name` stands. */
  place(name: string): { readonly line: number; readonly directive: string } {
    return { line: this.last(name)?.line ?? 0, directive: name };
  }

  number(name: string, byDefault: number): number {
    return Number(this.value(name, String(byDefault)));
  }

  bytes(name: string, byDefault: number): number {
    return parseBytes(this.value(name, String(byDefault))) ?? byDefault;
  }

  /** A switch; anything but `yes` counts as off. */
  on(name: string, byDefault: boolean): boolean {
    return this.value(name, byDefault ? 'yes' : 'no').toLowerCase() === 'yes';
  }

  has(name: string): boolean {
    return this.last(name) !== undefined;
  }
}

function canonical(name: string | undefined): string | undefined {
  return name === undefined ? undefined : (REDIS_DIRECTIVES.get(name)?.aliasOf ?? name);
}
