/** Recorded values and lists of names as short texts for messages: evidence may hold values of any size. Pure. */

const MAX_CHARACTERS = 80;
const MAX_NAMES = 3;

/** The beginning of a text. */
export function shorten(text: string, maxCharacters = MAX_CHARACTERS): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}

/** A JSON value, however large or deep it is. */
export function excerpt(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** The first three of many names, or of many short statements. */
export function joinFew(names: readonly string[], maxCharacters = MAX_CHARACTERS): string {
  const shown = names.slice(0, MAX_NAMES).map((name) => shorten(name, maxCharacters));
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `${shown.join(', ')}${more}`;
}
