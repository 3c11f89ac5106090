/**
 * Order in which this process requested the writes to a key. The order is recorded while any of these writes is in
 * flight: a write that fails late must not undo a later write that Redis has acknowledged.
 *
 *   begin ─▶ taken, or failed and perhaps superseded ─▶ end
 */
interface Running {
  count: number;
  /** Position of the last write that Redis has acknowledged; 0: none. */
  taken: number;
}

export class WriteOrder {
  readonly #running = new Map<string, Running>();
  #last = 0;

  /** Returns a number greater than all earlier ones. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Returns the position of the write among the writes of this process. `end` must be called later. */
  begin(key: string): number {
    this.#add(key);
    return this.next();
  }

  /** Like `begin`, for one write to several keys. */
  beginAll(keys: readonly string[]): number {
    for (const key of keys) this.#add(key);
    return this.next();
  }

  taken(key: string, place: number): void {
    const running = this.#running.get(key);
    if (running && running.taken < place) running.taken = place;
  }

  /** Whether Redis has acknowledged a later write to the key. */
  isSuperseded(key: string, place: number): boolean {
    return (this.#running.get(key)?.taken ?? 0) > place;
  }

  endAll(keys: readonly string[]): void {
    for (const key of keys) this.end(key);
  }

  #add(key: string): void {
    const running = this.#running.get(key);
    if (running) running.count += 1;
    else this.#running.set(key, { count: 1, taken: 0 });
  }

  end(key: string): void {
    const running = this.#running.get(key);
    if (!running) return;
    running.count -= 1;
    if (running.count === 0) this.#running.delete(key);
  }
}
