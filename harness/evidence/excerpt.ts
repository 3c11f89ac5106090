/**
 * Shortens recorded values and lists of names for messages, because recorded values may have any size. Pure.
 */

const MAX_CHARACTERS = 80;
const MAX_NAMES = 3;

/** Cuts a string to a maximum length. */
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

/** Joins the first three of many names or short statements. */
export function joinFew(names: readonly string[], maxCharacters = MAX_CHARACTERS): string {
  const shown = names.slice(0, MAX_NAMES).map((name) => shorten(name, maxCharacters));
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `${shown.join(', ')}${more}`;
}
