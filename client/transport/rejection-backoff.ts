/** The node that last refused a command (READONLY, LOADING): asked again, but not in a tight loop. */

import type { Address } from '../api/types.ts';
import { addressKey } from './address.ts';
import { delay, now } from './timing.ts';

/** How long a node that refused a command is left alone. */
const REFUSED_MS = 100;

export class RejectionBackoff {
  #last: { readonly key: string; readonly at: number } | undefined;

  note(address: Address): void {
    this.#last = { key: addressKey(address), at: now() };
  }

  /** The node has refused at that time or later. */
  since(at: number, address: Address | undefined): boolean {
    return address !== undefined && this.#last?.key === addressKey(address) && this.#last.at >= at;
  }

  /** Resolves when the node may be asked again. */
  async over(address: Address): Promise<void> {
    const at = this.#last?.key === addressKey(address) ? this.#last.at : Number.NEGATIVE_INFINITY;
    const waitMs = at + REFUSED_MS - now();
    if (waitMs > 0) await delay(waitMs);
  }
}
