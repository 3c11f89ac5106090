/**
 * Reads in flight that will fill the first tier. An invalidation can overtake the reply to a read of its key, because
 * they use different connections. A fill is therefore valid only if no invalidation arrived between request and reply.
 */

/** Read of one key. `end` must be called once, regardless of the outcome of the read. */
export interface Fill {
  /** Ends the fill. Returns true if the value may be kept. */
  end(): boolean;
}

/** Reads of one key that no invalidation has overtaken. */
interface PendingReads {
  readers: number;
  invalidated: boolean;
}

const REFUSED: Fill = { end: () => false };

export class Fills {
  readonly #pending = new Map<string, PendingReads>();

  begin(key: string): Fill {
    const pending = this.#pending.get(key) ?? { readers: 0, invalidated: false };
    pending.readers += 1;
    this.#pending.set(key, pending);
    let open = true;
    return {
      end: () => {
        if (!open) return false;
        open = false;
        pending.readers -= 1;
        if (pending.readers === 0 && this.#pending.get(key) === pending) this.#pending.delete(key);
        return !pending.invalidated;
      },
    };
  }

  /**
   * Returns a fill that never keeps the value, for a read that began while invalidations of its key were not reported.
   */
  refused(): Fill {
    return REFUSED;
  }

  invalidate(key: string): void {
    const pending = this.#pending.get(key);
    if (!pending) return;
    pending.invalidated = true;
    this.#pending.delete(key);
  }

  invalidateAll(): void {
    for (const pending of this.#pending.values()) pending.invalidated = true;
    this.#pending.clear();
  }
}
