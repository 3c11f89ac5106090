/** Data source behind a cache: values are loaded from the source and stored in it. */

import type { LoadContext } from '../../api/types.ts';

/** Source of values. */
export interface Source<T> {
  /** Loads a value; undefined if there is no value. */
  load(key: string, context?: LoadContext): Promise<T | undefined> | T | undefined;
}

/**
 * Change to be stored in the source. `sequence` increases with every change, so that a store that arrives late can be
 * detected.
 */
export type Change<T> =
  | { readonly kind: 'set'; readonly key: string; readonly value: T; readonly sequence: number }
  | { readonly kind: 'remove'; readonly key: string; readonly sequence: number };

/** Destination of changes. */
export interface Sink<T> {
  /** Stores all changes or throws. May be called again with the same changes, so it must be idempotent. */
  store(changes: readonly Change<T>[]): Promise<void> | void;
}
