/**
 * Operations of a table as objects that read its columns. A list holds 2 to 4 bytes per operation; an object exists
 * only while a caller uses it.
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

export class StoredOperations<T extends Operation = Operation> implements OperationList<T> {
  readonly #table: OperationTable;
  readonly #rows: NumberColumn;

  /** @param rows rows of the table, in the order of the list */
  constructor(table: OperationTable, rows: NumberColumn) {
    this.#table = table;
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  at(index: number): T | undefined {
    const from = index < 0 ? index + this.length : index;
    return from >= 0 && from < this.length ? this.#operation(from) : undefined;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.length; i++) yield this.#operation(i);
  }

  filter<S extends T>(isKept: (operation: T) => operation is S): OperationList<S>;
  filter(isKept: (operation: T) => boolean): OperationList<T>;
  filter(isKept: (operation: T) => boolean): OperationList<T> {
    const kept = new NumberColumn();
    for (let i = 0; i < this.length; i++) if (isKept(this.#operation(i))) kept.push(this.#rows.at(i));
    // If every operation is kept, the list itself is returned.
    return kept.length === this.length ? this : new StoredOperations(this.#table, kept);
  }

  map<R>(resultOf: (operation: T) => R): R[] {
    const all: R[] = [];
    for (let i = 0; i < this.length; i++) all.push(resultOf(this.#operation(i)));
    return all;
  }

  flatMap<R>(resultsOf: (operation: T) => R | readonly R[]): R[] {
    const all: R[] = [];
    for (let i = 0; i < this.length; i++) {
      const results = resultsOf(this.#operation(i));
      if (Array.isArray(results)) all.push(...(results as readonly R[]));
      else all.push(results as R);
    }
    return all;
  }

  some(is: (operation: T) => boolean): boolean {
    for (let i = 0; i < this.length; i++) if (is(this.#operation(i))) return true;
    return false;
  }

  every(is: (operation: T) => boolean): boolean {
    return !this.some((operation) => !is(operation));
  }

  reduce<R>(combine: (result: R, operation: T) => R, first: R): R {
    let result = first;
    for (let i = 0; i < this.length; i++) result = combine(result, this.#operation(i));
    return result;
  }

  /** Returns the operation at an index below the length. */
  #operation(index: number): T {
    return new StoredOperation(this.#table, this.#rows.at(index)) as Operation as T;
  }
}

/**
 * A final read whose entries are numbers of strings in two columns of the table: 4 to 8 bytes per entry, where a pair
 * of strings takes about 150.
 */
export class StoredFinal implements NumberedFinal {
  readonly type = 'final';
  readonly node: string;
  readonly shard?: string;
  readonly redisRole: 'master' | 'replica';
  readonly atUs: number;
  readonly length: number;
  readonly #table: OperationTable;
  /** Position of the first entry in the columns. */
  readonly #start: number;

  constructor({ node, shard, redisRole, atUs, entries }: FinalReadEvent, table: OperationTable) {
    this.node = node;
    if (shard !== undefined) this.shard = shard;
    this.redisRole = redisRole;
    this.atUs = atUs;
    this.length = entries.length;
    this.#table = table;
    this.#start = table.finalKeys.length;
    for (const [key, value] of entries) {
      table.finalKeys.push(table.keys.add(key));
      table.finalValues.push(table.values.addOptional(value));
    }
  }

  get entries(): FinalReadEvent['entries'] {
    const { keys, values } = this.#table;
    return Array.from({ length: this.length }, (_, i) => [
      keys.textOf(this.keyNumberAt(i)) as string,
      values.textOf(this.valueNumberAt(i)) as string | null,
    ]);
  }

  keyNumberAt(index: number): number {
    return this.#table.finalKeys.at(this.#start + index);
  }

  valueNumberAt(index: number): number {
    return this.#table.finalValues.at(this.#start + index);
  }
}
