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

/** Number of leading bytes that identify an entry; they include the header with the checksum. */
export const HEAD_BYTES = PLACEHOLDER_BYTES + 1;
export const headOf = (payload: Buffer): Buffer => payload.subarray(0, HEAD_BYTES);

/** Result if the key changed during every attempt; the caller then tries again. */
export const CHANGED: HeldByOther = { kind: 'held', token: '', leftMs: 0 };

/** Place of the lease. `entry`: in place of the entry. `beside`: a separate key. */
export type Place = { readonly kind: 'entry' } | { readonly kind: 'beside'; readonly head: Buffer };
