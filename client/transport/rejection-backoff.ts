/** Last node that refused a command (READONLY, LOADING). The node is queried again after a delay. */

import type { Address } from '../api/types.ts';
import { addressKey } from './address.ts';
import { delay, now } from './timing.ts';

/** Delay after a refusal, in ms. */
const REFUSED_MS = 100;

export class RejectionBackoff {
  #last: { readonly key: string; readonly at: number } | undefined;

  note(address: Address): void {
    this.#last = { key: addressKey(address), at: now() };
  }

  /** Whether the node refused a command at or after `at`. */
  since(at: number, address: Address | undefined): boolean {
    return address !== undefined && this.#last?.key === addressKey(address) && this.#last.at >= at;
  }

  /** Resolves after the delay. */
  async over(address: Address): Promise<void> {
    const at = this.#last?.key === addressKey(address) ? this.#last.at : Number.NEGATIVE_INFINITY;
    const waitMs = at + REFUSED_MS - now();
    if (waitMs > 0) await delay(waitMs);
  }
}
