/**
 * A load in flight. There is one load per key at a time in this process, and concurrent callers share it. In addition,
 * a key may have one background load (a refresh), which is shared in the same way.
 */
export interface Flight<T = unknown> {
  readonly result: Promise<T>;
  /** Sequence number of the last invalidation before the load began. */
  readonly since: number;
  /**
   * Whether the key has been set or deleted since the load began. If so, the result of the load is returned but not
   * stored.
   */
  invalidated: boolean;
  /** Tags of the result, read when a tag is invalidated. */
  tags?: () => readonly string[];
}

/**
 * Maximum number of invalidated tags that are recorded. They are needed because a running loader may still add one of
 * these tags.
 */
const INVALIDATIONS_MAX = 10_000;

export class SingleFlight {
  readonly #flights = new Map<string, Flight>();
  readonly #background = new Map<string, Flight>();
  /** Sequence number of the last invalidation of each tag, oldest first. */
  readonly #invalidations = new Map<string, number>();
  #last = 0;
  /** Sequence number of the last invalidation that was dropped. */
  #forgotten = 0;

  join<T>(key: string, load: (flight: Flight<T>) => Promise<T>): Promise<T> {
    return shareFlight(this.#flights, key, this.#last, load);
  }

  /** Like `join`, but callers of `join` do not wait for this load. */
  background<T>(key: string, load: (flight: Flight<T>) => Promise<T>): Promise<T> {
    return shareFlight(this.#background, key, this.#last, load);
  }

  isInBackground(key: string): boolean {
    return this.#background.has(key);
  }

  /** Forces later callers to start a new load, and prevents the running load from storing its value. */
  invalidate(key: string): void {
    invalidateIn(this.#flights, key);
    invalidateIn(this.#background, key);
  }

  invalidateWhere(matches: (key: string) => boolean): void {
    for (const [key] of this.#all()) if (matches(key)) this.invalidate(key);
  }

  /**
   * Like `invalidate`, for each running load whose result has one of the tags. Such a load began before the
   * invalidation, so its result may be outdated.
   */
  invalidateTagged(tags: readonly string[]): void {
    const flights = this.#all();
    this.#last += 1;
    // There is nothing to record: loads that start after the invalidation are not affected.
    if (flights.length === 0) return;
    const invalidated = new Set(tags);
    for (const tag of invalidated) this.#remember(tag);
    for (const [key, { tags: carried }] of flights)
      if (carried?.().some((tag) => invalidated.has(tag))) this.invalidate(key);
  }

  /** Whether this process has invalidated one of the tags since the load began. */
  wasInvalidated({ since }: Flight, tags: readonly string[]): boolean {
    if (tags.length > 0 && this.#forgotten > since) return true;
    return tags.some((tag) => (this.#invalidations.get(tag) ?? 0) > since);
  }

  #remember(tag: string): void {
    this.#invalidations.delete(tag);
    this.#invalidations.set(tag, this.#last);
    if (this.#invalidations.size <= INVALIDATIONS_MAX) return;
    for (const [oldest, number] of this.#invalidations) {
      this.#invalidations.delete(oldest);
      this.#forgotten = number;
      return;
    }
  }

  invalidateAll(): void {
    for (const [key] of this.#all()) this.invalidate(key);
  }

  #all(): readonly (readonly [string, Flight])[] {
    return [...this.#flights, ...this.#background];
  }
}

function shareFlight<T>(
  flights: Map<string, Flight>,
  key: string,
  since: number,
  load: (flight: Flight<T>) => Promise<T>,
): Promise<T> {
  const running = flights.get(key) as Flight<T> | undefined;
  if (running) return running.result;
  const flight = { invalidated: false, since } as { since: number; result: Promise<T>; invalidated: boolean };
  const end = (): void => {
    if (flights.get(key) === flight) flights.delete(key);
  };
  flights.set(key, flight);
  flight.result = load(flight);
  flight.result.then(end, end);
  return flight.result;
}

function invalidateIn(flights: Map<string, Flight>, key: string): void {
  const flight = flights.get(key);
  if (!flight) return;
  flight.invalidated = true;
  flights.delete(key);
}
