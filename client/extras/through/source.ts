/** Data source behind a cache: values are read from it and written to it. */

import type { LoadContext } from '../../api/types.ts';

/** Where values come from. */
export interface Source<T> {
  /** undefined: there is none. */
  load(key: string, context?: LoadContext): Promise<T | undefined> | T | undefined;
}

/** A change that is to reach the source. `sequence` grows with every change: a store that arrives late can be told by it. */
export type Change<T> =
  | { readonly kind: 'set'; readonly key: string; readonly value: T; readonly sequence: number }
  | { readonly kind: 'remove'; readonly key: string; readonly sequence: number };

/** Where changes are stored. */
export interface Sink<T> {
  /** All of them or an error. May be repeated with the same changes: it has to be idempotent. */
  store(changes: readonly Change<T>[]): Promise<void> | void;
}
