/**
 * One load a key at a time in this process; who comes later shares it. Beside it a key may have a load that nobody waits for
 * (a refresh): it is one as well, and is shared by those who would start another.
 */
export interface Flight<T = unknown> {
  readonly result: Promise<T>;
  /** The key was set or deleted since the load began: its result is returned but not stored. */
  overtaken: boolean;
  /** The tags that its result will carry; asked for when one is invalidated. */
  tags?: () => readonly string[];
}

export class Flights {
  readonly #flights = new Map<string, Flight>();
  readonly #alongside = new Map<string, Flight>();

  join<T>(key: string, load: (flight: Flight<T>) => Promise<T>): Promise<T> {
    return share(this.#flights, key, load);
  }

  /** As `join`, without being in the way of those who join. */
  alongside<T>(key: string, load: (flight: Flight<T>) => Promise<T>): Promise<T> {
    return share(this.#alongside, key, load);
  }

  isAlongside(key: string): boolean {
    return this.#alongside.has(key);
  }

  /** Later callers load anew, and the running load stores nothing. */
  overtake(key: string): void {
    overtakeIn(this.#flights, key);
    overtakeIn(this.#alongside, key);
  }

  overtakeWhere(matches: (key: string) => boolean): void {
    for (const [key] of this.#all()) if (matches(key)) this.overtake(key);
  }

  /** As `overtake` for all keys that carry one of the tags: what is loading was begun before their invalidation. */
  overtakeTagged(tags: readonly string[]): void {
    const invalidated = new Set(tags);
    for (const [key, { tags: carried }] of this.#all())
      if (carried?.().some((tag) => invalidated.has(tag))) this.overtake(key);
  }

  overtakeAll(): void {
    for (const [key] of this.#all()) this.overtake(key);
  }

  #all(): readonly (readonly [string, Flight])[] {
    return [...this.#flights, ...this.#alongside];
  }
}

function share<T>(
  flights: Map<string, Flight>,
  key: string,
  load: (flight: Flight<T>) => Promise<T>,
): Promise<T> {
  const running = flights.get(key) as Flight<T> | undefined;
  if (running) return running.result;
  const flight = { overtaken: false } as { result: Promise<T>; overtaken: boolean };
  const end = (): void => {
    if (flights.get(key) === flight) flights.delete(key);
  };
  flights.set(key, flight);
  flight.result = load(flight);
  flight.result.then(end, end);
  return flight.result;
}

function overtakeIn(flights: Map<string, Flight>, key: string): void {
  const flight = flights.get(key);
  if (!flight) return;
  flight.overtaken = true;
  flights.delete(key);
}
