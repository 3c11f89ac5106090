/** Data source behind a cache: values are read from it and written to it. */

import type { LoadContext } from '../../api/types.ts';

/** Source of values. */
export interface Source<T> {
  /** undefined: no value. */
  load(key: string, context?: LoadContext): Promise<T | undefined> | T | undefined;
}

/** A change for the source. `sequence` increases with every change, so that a late store can be detected. */
export type Change<T> =
  | { readonly kind: 'set'; readonly key: string; readonly value: T; readonly sequence: number }
  | { readonly kind: 'remove'; readonly key: string; readonly sequence: number };

/** Destination of changes. */
export interface Sink<T> {
  /** Stores all changes or throws. It may be repeated with the same changes, so it must be idempotent. */
  store(changes: readonly Change<T>[]): Promise<void> | void;
}
