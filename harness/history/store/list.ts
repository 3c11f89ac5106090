/**
 * Operations of a table as objects that read its columns. A list holds 4 bytes per operation; an object exists only
 * while a caller uses it.
 */
import type {
  CompletionEvent,
  FinalReadEvent,
  InvokeEvent,
  NumberedFinal,
  Operation,
  OperationList,
} from '../events.ts';
import { NumberColumn } from './numbers.ts';
import type { OperationTable } from './operations.ts';
import type { TextStore } from './texts.ts';

/** An event whose optional fields are read as undefined. */
type AsRead<Event> = {
  readonly [Field in keyof Event]: undefined extends Event[Field] ? Event[Field] | undefined : Event[Field];
};

class StoredInvoke implements AsRead<InvokeEvent> {
  readonly #table: OperationTable;
  readonly #row: number;

  constructor(table: OperationTable, row: number) {
    this.#table = table;
    this.#row = row;
  }

  get type() {
    return 'invoke' as const;
  }

  get client() {
    return this.#table.clientAt(this.#row);
  }

  get op() {
    return this.#table.opAt(this.#row);
  }

  get kind() {
    return this.#table.invokeFactsAt(this.#row).kind;
  }

  get key() {
    return this.#table.keys.textOf(this.#table.keyAt(this.#row)) as string;
  }

  get value() {
    return textOf(this.#table.values, this.#table.valueAt(this.#row)) as InvokeEvent['value'];
  }

  get durability() {
    return this.#table.invokeFactsAt(this.#row).durability;
  }

  get phase() {
    return this.#table.invokeFactsAt(this.#row).phase;
  }

  get deadlineMs() {
    return this.#table.invokeFactsAt(this.#row).deadlineMs;
  }

  get batch() {
    return this.#table.invokeFactsAt(this.#row).batch;
  }

  get keys() {
    return this.#table.listAt('keys', this.#row) as InvokeEvent['keys'];
  }

  get values() {
    return this.#table.listAt('values', this.#row) as InvokeEvent['values'];
  }

  get intendedUs() {
    return this.#table.intendedUsAt(this.#row);
  }

  get atUs() {
    return this.#table.sentUsAt(this.#row);
  }
}

class StoredCompletion implements AsRead<CompletionEvent> {
  readonly #table: OperationTable;
  readonly #row: number;

  constructor(table: OperationTable, row: number) {
    this.#table = table;
    this.#row = row;
  }

  get type() {
    return this.#table.completionFactsAt(this.#row).type;
  }

  get client() {
    return this.#table.clientAt(this.#row);
  }

  get op() {
    return this.#table.opAt(this.#row);
  }

  get atUs() {
    return this.#table.doneUsAt(this.#row);
  }

  get source() {
    return this.#table.completionFactsAt(this.#row).source;
  }

  get value() {
    return textOf(this.#table.values, this.#table.answerAt(this.#row));
  }

  get values() {
    return this.#table.listAt('answers', this.#row) as CompletionEvent['values'];
  }

  get replicas() {
    return this.#table.completionFactsAt(this.#row).replicas;
  }

  get error() {
    return this.#table.completionFactsAt(this.#row).error;
  }
}

class StoredOperation implements Operation {
  readonly #table: OperationTable;
  readonly id: number;

  constructor(table: OperationTable, row: number) {
    this.#table = table;
    this.id = row;
  }

  get invoke(): InvokeEvent {
    return new StoredInvoke(this.#table, this.id) as InvokeEvent;
  }

  get completion(): CompletionEvent | undefined {
    if (!this.#table.isCompleted(this.id)) return undefined;
    return new StoredCompletion(this.#table, this.id) as CompletionEvent;
  }

  get outcome() {
    return this.#table.isCompleted(this.id) ? this.#table.completionFactsAt(this.id).type : 'info';
  }

  get latencyMs() {
    if (!this.#table.isCompleted(this.id)) return undefined;
    return (this.#table.doneUsAt(this.id) - this.#table.intendedUsAt(this.id)) / 1000;
  }

  get keyNumber() {
    return this.#table.keyAt(this.id);
  }

  get valueNumber() {
    return this.#table.valueAt(this.id);
  }

  get answerNumber() {
    return this.#table.answerAt(this.id);
  }

  get hasAnswer() {
    const number = this.answerNumber;
    return number !== undefined && number !== this.#table.values.nullNumber;
  }
}

function textOf(texts: TextStore, number: number | undefined): string | null | undefined {
  return number === undefined ? undefined : texts.textOf(number);
}

const FIRST_ROWS = 256;

export class StoredOperations<T extends Operation = Operation> implements OperationList<T> {
  readonly #table: OperationTable;
  readonly #rows: Uint32Array;

  /** @param rows rows of the table, in the order of the list */
  constructor(table: OperationTable, rows: Uint32Array) {
    this.#table = table;
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  at(index: number): T | undefined {
    const row = this.#rows.at(index);
    return row === undefined ? undefined : this.#operation(row);
  }

  *[Symbol.iterator](): Generator<T> {
    for (const row of this.#rows) yield this.#operation(row);
  }

  filter<S extends T>(isKept: (operation: T) => operation is S): OperationList<S>;
  filter(isKept: (operation: T) => boolean): OperationList<T>;
  filter(isKept: (operation: T) => boolean): OperationList<T> {
    let kept = new Uint32Array(Math.min(FIRST_ROWS, this.length));
    let count = 0;
    for (const row of this.#rows) {
      if (!isKept(this.#operation(row))) continue;
      if (count === kept.length) {
        const larger = new Uint32Array(Math.min(this.length, kept.length * 2));
        larger.set(kept);
        kept = larger;
      }
      kept[count++] = row;
    }
    // If every operation is kept, the list itself is returned.
    if (count === this.length) return this;
    return new StoredOperations(this.#table, count === kept.length ? kept : kept.slice(0, count));
  }

  map<R>(resultOf: (operation: T) => R): R[] {
    const all: R[] = [];
    for (const row of this.#rows) all.push(resultOf(this.#operation(row)));
    return all;
  }

  flatMap<R>(resultsOf: (operation: T) => R | readonly R[]): R[] {
    const all: R[] = [];
    for (const row of this.#rows) {
      const results = resultsOf(this.#operation(row));
      if (Array.isArray(results)) all.push(...(results as readonly R[]));
      else all.push(results as R);
    }
    return all;
  }

  some(is: (operation: T) => boolean): boolean {
    for (const row of this.#rows) if (is(this.#operation(row))) return true;
    return false;
  }

  every(is: (operation: T) => boolean): boolean {
    return !this.some((operation) => !is(operation));
  }

  reduce<R>(combine: (result: R, operation: T) => R, first: R): R {
    let result = first;
    for (const row of this.#rows) result = combine(result, this.#operation(row));
    return result;
  }

  #operation(row: number): T {
    return new StoredOperation(this.#table, row) as Operation as T;
  }
}

/** A final read whose entries are numbers of texts: 4 to 8 bytes per entry, where a pair of strings takes about 150. */
export class StoredFinal implements NumberedFinal {
  readonly type = 'final';
  readonly node: string;
  readonly shard?: string;
  readonly redisRole: 'master' | 'replica';
  readonly atUs: number;
  readonly #keys: TextStore;
  readonly #values: TextStore;
  readonly #keyNumbers = new NumberColumn();
  readonly #valueNumbers = new NumberColumn();

  constructor({ node, shard, redisRole, atUs, entries }: FinalReadEvent, { keys, values }: OperationTable) {
    this.node = node;
    if (shard !== undefined) this.shard = shard;
    this.redisRole = redisRole;
    this.atUs = atUs;
    this.#keys = keys;
    this.#values = values;
    for (const [key, value] of entries) {
      this.#keyNumbers.push(keys.add(key));
      this.#valueNumbers.push(values.addOptional(value));
    }
  }

  get length(): number {
    return this.#keyNumbers.length;
  }

  get entries(): FinalReadEvent['entries'] {
    return Array.from({ length: this.length }, (_, i) => [
      this.#keys.textOf(this.keyNumberAt(i)) as string,
      this.#values.textOf(this.valueNumberAt(i)) as string | null,
    ]);
  }

  keyNumberAt(index: number): number {
    return this.#keyNumbers.at(index);
  }

  valueNumberAt(index: number): number {
    return this.#valueNumbers.at(index);
  }
}
