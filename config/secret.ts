import { inspect } from 'node:util';

/**
 * Value that must not be printed. It redacts itself in string templates, JSON, `console.log` and `util.inspect`. Only
 * `reveal()` returns the text, so that `git grep reveal\(` lists every use of a plain secret.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the plain text, for a file of mode 0600, a socket or a hash; never for a log or a command line. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
