/**
 * Deletion in progress for a scan, which sends one deletion at a time. The deletion is ordered with this process's
 * writes to the same keys.
 */
import { isConnectivityError } from '../api/errors.ts';
import type { WriteOrder } from '../cache/write-order.ts';

export class ScanDeletion {
  readonly #order: WriteOrder;
  #keys: readonly string[] = [];
  place = 0;

  constructor(order: WriteOrder) {
    this.#order = order;
  }

  /**
   * Begins a deletion whose command is being sent; `end` must be called after the outcome of the command has been
   * handled. If Redis rejects the command, the deletion ends here.
   */
  follow(keys: readonly string[], sent: Promise<unknown>): Promise<unknown> {
    this.#keys = keys;
    this.place = this.#order.beginAll(keys);
    return sent.catch((error: unknown) => {
      if (!isConnectivityError(error)) this.end();
      throw error;
    });
  }

  end(): void {
    this.#order.endAll(this.#keys);
    this.#keys = [];
  }
}
