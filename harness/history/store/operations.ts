/**
 * Operations of a history in columns: about 50 bytes per operation besides its texts, where objects take about 1,000.
 *
 *   invoke, completion ─▶ columns, joined by client and id ─▶ rows in order of time ─▶ `StoredOperations`
 *
 * The lists of a batch are sequences of numbers in a common pool.
 */
import { excerpt } from '../../evidence/excerpt.ts';
import type { CompletionEvent, InvokeEvent } from '../events.ts';
import { type CompletionFacts, completionFacts, type InvokeFacts, invokeFacts } from './facts.ts';
import { NumberColumn } from './numbers.ts';
import { type IndexedRows, RowIndex } from './row-index.ts';
import { sortedRows } from './sort.ts';
import { ABSENT, TextStore } from './texts.ts';

/** Lists of strings that only batches have. */
export type BatchList = 'keys' | 'values' | 'answers';
type OptionalText = string | null | undefined;

const NOT_COMPLETED = -1;

export class OperationTable implements IndexedRows {
  readonly keys = new TextStore();
  readonly values = new TextStore();
  /** Numbers of the keys and values of all final reads, one after the other. */
  readonly finalKeys = new NumberColumn();
  readonly finalValues = new NumberColumn();
  readonly #invokeFacts = invokeFacts();
  readonly #completionFacts = completionFacts();
  readonly #op = new NumberColumn();
  readonly #intendedUs = new NumberColumn();
  /** Microseconds from the intended start to the call. */
  readonly #sentAfterUs = new NumberColumn();
  /** Microseconds from the call to the completion. */
  readonly #doneAfterUs = new NumberColumn();
  readonly #invoke = new NumberColumn();
  readonly #completion = new NumberColumn();
  readonly #key = new NumberColumn();
  readonly #value = new NumberColumn();
  readonly #answer = new NumberColumn();
  /** Length and numbers of each list in a batch. */
  readonly #pool = new NumberColumn();
  /** Start of a list in the pool, by row, for the rows that have one. */
  readonly #lists: Readonly<Record<BatchList, Map<number, number>>> = {
    keys: new Map(),
    values: new Map(),
    answers: new Map(),
  };
  /** Undefined once all operations are joined. */
  #index: RowIndex | undefined = new RowIndex(this);

  get length(): number {
    return this.#op.length;
  }

  /** Adds an invocation. Returns the reason why it contradicts earlier events, if it does. */
  addInvoke(event: InvokeEvent): string | undefined {
    const { client, op, intendedUs, atUs } = event;
    if (this.#index?.rowOf(client, op) !== undefined) return `${nameOf(event)} is invoked twice`;
    if (intendedUs > atUs) return `${nameOf(event)} is sent before it was intended (${atUs}, ${intendedUs})`;
    const row = this.length;
    this.#op.push(op);
    this.#intendedUs.push(intendedUs);
    this.#sentAfterUs.push(atUs - intendedUs);
    this.#doneAfterUs.push(0);
    this.#invoke.push(this.#invokeFacts.add(event));
    this.#completion.push(NOT_COMPLETED);
    this.#key.push(this.keys.add(event.key));
    this.#value.push(this.values.addOptional(event.value));
    this.#answer.push(ABSENT);
    this.#addList('keys', row, event.keys);
    this.#addList('values', row, event.values);
    this.#index?.add(row);
    return undefined;
  }

  /** Adds a completion. Returns the reason why it contradicts earlier events, if it does. */
  addCompletion(event: CompletionEvent): string | undefined {
    const row = this.#index?.rowOf(event.client, event.op);
    if (row === undefined) return `${nameOf(event)} completes without having been invoked`;
    if (this.isCompleted(row)) return `${nameOf(event)} completes twice`;
    const sentUs = this.sentUsAt(row);
    if (event.atUs < sentUs)
      return `${nameOf(event)} completes before it was sent (${event.atUs}, ${sentUs})`;
    const { kind, batch = 1 } = this.invokeFactsAt(row);
    if (kind === 'getMany' && !isHitCount(event.value, batch))
      return `${nameOf(event)} has ${excerpt(event.value)} hits of ${batch} keys`;
    this.#doneAfterUs.set(row, event.atUs - sentUs);
    this.#completion.set(row, this.#completionFacts.add(event));
    this.#answer.set(row, this.values.addOptional(event.value));
    this.#addList('answers', row, event.values);
    return undefined;
  }

  /** Returns all rows in order of the intended time, then of client and id. No operation can be added afterwards. */
  sorted(): NumberColumn {
    this.#index = undefined;
    const times = new Float64Array(this.length);
    for (let row = 0; row < times.length; row++) times[row] = this.#intendedUs.at(row);
    const rows = sortedRows(times, (a, b) => {
      const [clientA, clientB] = [this.clientAt(a), this.clientAt(b)];
      return clientA < clientB ? -1 : clientA > clientB ? 1 : this.opAt(a) - this.opAt(b);
    });
    const column = new NumberColumn();
    for (const row of rows) column.push(row);
    return column;
  }

  clientAt(row: number): string {
    return this.invokeFactsAt(row).client;
  }

  opAt(row: number): number {
    return this.#op.at(row);
  }

  invokeFactsAt(row: number): InvokeFacts {
    return this.#invokeFacts.at(this.#invoke.at(row));
  }

  isCompleted(row: number): boolean {
    return this.#completion.at(row) !== NOT_COMPLETED;
  }

  /** Returns the completion's facts for a completed row. */
  completionFactsAt(row: number): CompletionFacts {
    return this.#completionFacts.at(this.#completion.at(row));
  }

  intendedUsAt(row: number): number {
    return this.#intendedUs.at(row);
  }

  sentUsAt(row: number): number {
    return this.#intendedUs.at(row) + this.#sentAfterUs.at(row);
  }

  /** Returns the completion time of a completed row. */
  doneUsAt(row: number): number {
    return this.sentUsAt(row) + this.#doneAfterUs.at(row);
  }

  keyAt(row: number): number {
    return this.#key.at(row);
  }

  /** Returns the number of the written value; undefined if it is absent. */
  valueAt(row: number): number | undefined {
    return givenNumber(this.#value.at(row));
  }

  /** Returns the number of the answer; undefined if it is absent. */
  answerAt(row: number): number | undefined {
    return givenNumber(this.#answer.at(row));
  }

  /** Returns the strings in one of a batch's lists; undefined if the row does not have that list. */
  listAt(list: BatchList, row: number): OptionalText[] | undefined {
    const start = this.#lists[list].get(row);
    if (start === undefined) return undefined;
    const texts = this.#textsOf(list);
    return Array.from({ length: this.#pool.at(start) }, (_, i) => texts.textOf(this.#pool.at(start + 1 + i)));
  }

  #addList(list: BatchList, row: number, items: readonly OptionalText[] | undefined): void {
    if (items === undefined) return;
    const texts = this.#textsOf(list);
    this.#lists[list].set(row, this.#pool.length);
    this.#pool.push(items.length);
    for (const item of items) this.#pool.push(texts.addOptional(item));
  }

  #textsOf(list: BatchList): TextStore {
    return list === 'keys' ? this.keys : this.values;
  }
}

function givenNumber(number: number): number | undefined {
  return number === ABSENT ? undefined : number;
}

function nameOf({ client, op }: Pick<InvokeEvent, 'client' | 'op'>): string {
  return `operation ${client} ${op}`;
}

/** Whether the value is the number of keys that a batch found, as a string. */
function isHitCount(value: OptionalText, keys: number): boolean {
  if (value === null || value === undefined) return true;
  return /^\d{1,9}$/.test(value) && Number(value) <= keys;
}
