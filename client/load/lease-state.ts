/** Results of a step that reads an entry or acquires its lease. */

import { PLACEHOLDER_BYTES } from '../codec/placeholder.ts';

/** The lease is held by another load. */
export interface HeldByOther {
  readonly kind: 'held';
  readonly token: string;
  readonly leftMs: number;
}
/** Result of acquiring a lease. `head`: first bytes of the entry to replace; undefined if there is no entry. */
export type AcquireResult = { readonly kind: 'mine'; readonly head?: Buffer | undefined } | HeldByOther;
export type Fetched = { readonly kind: 'value'; readonly payload: Buffer } | AcquireResult;

/** Number of first bytes that identify an entry: its header with the checksum, and more. */
export const HEAD_BYTES = PLACEHOLDER_BYTES + 1;
export const headOf = (payload: Buffer): Buffer => payload.subarray(0, HEAD_BYTES);
