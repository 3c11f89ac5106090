/**
 * Reads on their way that want to fill the first tier. An invalidation can overtake the reply of the read that it is
 * about (they come on different connections), so a fill counts only if none came between question and answer.
 */

/** One read of one key. `end` must be called once, whatever became of the read. */
export interface Fill {
  /** True when what was read may be kept. */
  end(): boolean;
}

/** The reads of one key that no invalidation has come between yet. */
interface Flight {
  readers: number;
  overtaken: boolean;
}

const REFUSED: Fill = { end: () => false };

export class Fills {
  readonly #flights = new Map<string, Flight>();

  begin(key: string): Fill {
    const flight = this.#flights.get(key) ?? { readers: 0, overtaken: false };
    flight.readers += 1;
    this.#flights.set(key, flight);
    let open = true;
    return {
      end: () => {
        if (!open) return false;
        open = false;
        flight.readers -= 1;
        if (flight.readers === 0 && this.#flights.get(key) === flight) this.#flights.delete(key);
        return !flight.overtaken;
      },
    };
  }

  /** For a read that began while nothing could be said about its key. */
  refused(): Fill {
    return REFUSED;
  }

  overtake(key: string): void {
    const flight = this.#flights.get(key);
    if (!flight) return;
    flight.overtaken = true;
    this.#flights.delete(key);
  }

  overtakeAll(): void {
    for (const flight of this.#flights.values()) flight.overtaken = true;
    this.#flights.clear();
  }
}
