/**
 * Shortens recorded values and lists of names for messages, because recorded values may have any size. Pure.
 */

const MAX_CHARACTERS = 80;
const MAX_NAMES = 3;

/** Truncates a string to a maximum length. */
export function shorten(text: string, maxCharacters = MAX_CHARACTERS): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}

/** Formats a JSON value of any size and depth. */
export function excerpt(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** A list that is shortened to its first items. */
export interface Few<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** Joins the first three of many names or short statements. */
export function joinFew(names: Few<string>, maxCharacters?: number): string;
export function joinFew<T>(items: Few<T>, maxCharacters: number, describe: (item: T) => string): string;
export function joinFew<T>(
  names: Few<T>,
  maxCharacters = MAX_CHARACTERS,
  describe: (item: T) => string = String,
): string {
  const shown = Array.from({ length: Math.min(MAX_NAMES, names.length) }, (_, i) =>
    shorten(describe(names.at(i) as T), maxCharacters),
  );
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `${shown.join(', ')}${more}`;
}
