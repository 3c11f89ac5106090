import type { Reading } from '../cache/reader.ts';
import { isPlaceholder } from '../codec/placeholder.ts';
import type { Known } from './engine.ts';

/** Returns the entry that was read; undefined if there is no entry, or only a lease in its place. */
export function knownEntry<T>(reading: Reading<T>): Known<T> | undefined {
  if (reading.kind === 'absent' || isPlaceholder(reading.freshness)) return undefined;
  const { source, freshness } = reading;
  return {
    kind: 'known',
    value: (reading.kind === 'value' ? reading.value : undefined) as T,
    source,
    freshness,
  };
}
