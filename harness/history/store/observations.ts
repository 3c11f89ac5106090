/**
 * Observations in columns: about 15 bytes per observation besides its data, where an object takes about 100. An object
 * exists only while a caller uses it. The history of a long run has hundreds of thousands of observations.
 *
 *   observation ─▶ number of its facts, time, number of its data ─▶ rows in order of time ─▶ objects
 */
import type { ObservationEvent, ObservationList } from '../events.ts';
import { NumberColumn } from './numbers.ts';
import { sortedRows } from './sort.ts';

type Data = NonNullable<ObservationEvent['data']>;
type Facts = Omit<ObservationEvent, 'atUs' | 'data'>;

const NO_DATA = -1;

export class ObservationTable {
  readonly #atUs = new NumberColumn();
  readonly #factsNumber = new NumberColumn();
  readonly #dataNumber = new NumberColumn();
  readonly #facts = new SharedValues<Facts>();
  readonly #data = new SharedValues<Data>();

  get length(): number {
    return this.#atUs.length;
  }

  add({ type, from, name, node, client, atUs, data }: ObservationEvent): void {
    const facts = {
      ...{ type, from, name },
      ...(node !== undefined && { node }),
      ...(client !== undefined && { client }),
    };
    this.#atUs.push(atUs);
    this.#factsNumber.push(this.#facts.add(facts));
    this.#dataNumber.push(data === undefined ? NO_DATA : this.#data.add(data));
  }

  at(row: number): ObservationEvent {
    const facts = this.#facts.at(this.#factsNumber.at(row)) as Facts;
    const data = this.#data.at(this.#dataNumber.at(row));
    return { ...facts, atUs: this.#atUs.at(row), ...(data !== undefined && { data }) };
  }

  /** Returns the observations in order of time; those with the same time in the order in which they were added. */
  sorted(): ObservationList {
    const times = new Float64Array(this.length);
    for (let row = 0; row < times.length; row++) times[row] = this.#atUs.at(row);
    const rows = sortedRows(times, (a, b) => a - b);
    return new StoredObservations(this, rows);
  }
}

/** Maximum number of characters of a value that is compared with others. */
const MAX_SHARED_CHARACTERS = 200;
const MAX_SHARED = 1_000;

/** Numbered values. Most equal values are stored only once: a client reports the same event thousands of times. */
class SharedValues<T> {
  readonly #values: T[] = [];
  readonly #numbers = new Map<string, number>();

  add(value: T): number {
    const id = JSON.stringify(value);
    if (id.length > MAX_SHARED_CHARACTERS) return this.#values.push(value) - 1;
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    if (this.#numbers.size < MAX_SHARED) this.#numbers.set(id, this.#values.length);
    return this.#values.push(value) - 1;
  }

  at(number: number): T | undefined {
    return this.#values[number];
  }
}

class StoredObservations implements ObservationList {
  readonly #table: ObservationTable;
  readonly #rows: Uint32Array;

  constructor(table: ObservationTable, rows: Uint32Array) {
    this.#table = table;
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  at(index: number): ObservationEvent | undefined {
    const row = this.#rows.at(index);
    return row === undefined ? undefined : this.#table.at(row);
  }

  *[Symbol.iterator](): Generator<ObservationEvent> {
    for (const row of this.#rows) yield this.#table.at(row);
  }

  filter(isKept: (event: ObservationEvent) => boolean): ObservationEvent[] {
    const kept: ObservationEvent[] = [];
    for (const event of this) if (isKept(event)) kept.push(event);
    return kept;
  }

  map<R>(resultOf: (event: ObservationEvent) => R): R[] {
    return Array.from(this, resultOf);
  }

  flatMap<R>(resultsOf: (event: ObservationEvent) => R | readonly R[]): R[] {
    const all: R[] = [];
    for (const event of this) {
      const results = resultsOf(event);
      if (Array.isArray(results)) for (const result of results as readonly R[]) all.push(result);
      else all.push(results as R);
    }
    return all;
  }

  find(is: (event: ObservationEvent) => boolean): ObservationEvent | undefined {
    for (const event of this) if (is(event)) return event;
    return undefined;
  }

  findLast(is: (event: ObservationEvent) => boolean): ObservationEvent | undefined {
    for (let index = this.length - 1; index >= 0; index--) {
      const event = this.at(index) as ObservationEvent;
      if (is(event)) return event;
    }
    return undefined;
  }

  some(is: (event: ObservationEvent) => boolean): boolean {
    return this.find(is) !== undefined;
  }

  every(is: (event: ObservationEvent) => boolean): boolean {
    return !this.some((event) => !is(event));
  }
}
