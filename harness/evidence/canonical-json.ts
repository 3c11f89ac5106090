/**
 * Formats each value in exactly one way: keys sorted by code unit (except that `schema` and `id` come first, for
 * readers), an indent of two spaces, one line feed at the end. Hashes and byte-for-byte comparisons depend on this.
 */
const LEADING = ['schema', 'id'];

/**
 * Formats a value. @throws TypeError if a number is not finite: JSON would turn it into null, and null means "not
 * measured"
 */
export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sortKeys(value, '$'), null, 2)}\n`;
}

function sortKeys(value: unknown, path: string): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TypeError(`${path}: must be a finite number, or null if not measured, got ${value}`);
  }
  if (Array.isArray(value)) return value.map((item, index) => sortKeys(item, `${path}[${index}]`));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item, `${path}.${key}`)]));
}

function rankOf(key: string): number {
  const index = LEADING.indexOf(key);
  return index === -1 ? LEADING.length : index;
}
