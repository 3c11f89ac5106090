/** Results of a step that reads an entry or acquires its lease. */

/** The lease is held by another load. */
export interface HeldByOther {
  readonly kind: 'held';
  readonly token: string;
  readonly leftMs: number;
}
/** Result of acquiring a lease. `head`: first bytes of the entry to replace; undefined: there is no entry. */
export type AcquireResult = { readonly kind: 'mine'; readonly head?: Buffer | undefined } | HeldByOther;
export type Fetched = { readonly kind: 'value'; readonly payload: Buffer } | AcquireResult;
