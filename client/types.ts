/**
 * All types of the API; the main entry point exports the most frequently used ones. This module loads no code.
 *
 * @module types
 */

export type * from './api/codec.ts';
export type { CacheErrorOptions, Outcome } from './api/errors.ts';
export type * from './api/invalidation.ts';
export type * from './api/metrics.ts';
export type * from './api/types.ts';
export type { KeyOptions, VectorSearch } from './keys/keys.ts';
