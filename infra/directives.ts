/** Directives that came after 7.0, which older servers refuse to start with (src/config.c of the branches 7.2 to 8.0). */
const SINCE: Readonly<Record<string, string>> = {
  'set-max-listpack-entries': '7.2',
  'set-max-listpack-value': '7.2',
};

/** The Redis version that a directive came with, where that is after 7.0. */
export function introducedIn(name: string): string | undefined {
  return SINCE[name];
}
