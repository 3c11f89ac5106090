import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow by 20 % between two collections instead of up to 300 %. The judge holds a long history outside the
 * heap, so that a collection is short, and garbage would otherwise be a third of its memory.
 */
export function limitHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
