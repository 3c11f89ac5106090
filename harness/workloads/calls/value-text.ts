/**
 * Converts cache values to strings. Equal values have equal strings; values that differ in type or content have
 * different strings. A long string is shortened to its first characters, its length and its hash.
 */
import { createHash } from 'node:crypto';

const LONGEST = 80;

export function valueText(value: unknown): string {
  const text = describeValue(value);
  if (text.length <= LONGEST) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.slice(0, 16)}… ${text.length} characters, sha256 ${hash}`;
}

function describeValue(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Map)
    return `Map(${joinItems([...value], ([key, one]) => `${describeValue(key)} => ${describeValue(one)}`)})`;
  if (value instanceof Set) return `Set(${joinItems([...value], describeValue)})`;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    // Bytes may be returned as a Buffer or as a Uint8Array.
    return `${value instanceof Uint8Array ? 'Bytes' : value.constructor.name}(${bytes.toString('hex')})`;
  }
  if (Array.isArray(value)) return `[${joinItems(value, describeValue)}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${joinItems(entries, ([key, one]) => `${JSON.stringify(key)}:${describeValue(one)}`)}}`;
}

function joinItems<T>(items: readonly T[], text: (item: T) => string): string {
  return items.map(text).join(',');
}
