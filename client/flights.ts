/** One load a key at a time in this process; who comes later shares it. */
export interface Flight<T = unknown> {
  readonly result: Promise<T>;
  /** The key was set or deleted since the load began: its result is returned but not stored. */
  overtaken: boolean;
}

export class Flights {
  readonly #flights = new Map<string, Flight>();

  join<T>(key: string, load: (flight: Flight<T>) => Promise<T>): Promise<T> {
    const running = this.#flights.get(key) as Flight<T> | undefined;
    if (running) return running.result;
    const flight = { overtaken: false } as { result: Promise<T>; overtaken: boolean };
    flight.result = load(flight).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight.result;
  }

  /** Later callers load anew, and the running load stores nothing. */
  overtake(key: string): void {
    const flight = this.#flights.get(key);
    if (!flight) return;
    flight.overtaken = true;
    this.#flights.delete(key);
  }

  overtakeAll(): void {
    for (const key of [...this.#flights.keys()]) this.overtake(key);
  }
}
