/**
 * Whether the effect of a write is in the final state. Writes share a key only where their kind allows it: a `set` may
 * be followed by a later one, an `incr` counts, an `append` leaves its tag.
 */
import type { History, Operation, OperationKind, OperationList } from '../history/events.ts';
import type { FinalEntries } from './final-entries.ts';

/** Kinds that may change a key; a computed value is stored in the background. */
const WRITERS: ReadonlySet<OperationKind> = new Set([
  'set',
  'setMany',
  'incr',
  'append',
  'delete',
  'getOrCompute',
]);

/** Effect of a write, as the final read of the master shows it. */
export type Effect = 'present' | 'absent' | 'not-read';

/** All writes of each key, indexed so that judging one write does not require visiting all others. */
export class FinalState {
  readonly #emptyNumber: number | undefined;
  readonly #entries: FinalEntries;
  /** Number of writes per key, counted up to 2. */
  readonly #writers: Uint8Array;
  readonly #acknowledged: Uint32Array;
  /**
   * For each key, the latest end time of the writes that may have produced the final value; Infinity if it is unknown.
   */
  readonly #lastEndUs: Float64Array;
  readonly #tags = new Map<number, ReadonlyMap<string, number>>();

  constructor(history: History, entries: FinalEntries, operations: OperationList) {
    this.#entries = entries;
    this.#emptyNumber = history.values.numberOf('');
    const { size } = history.keys;
    this.#writers = new Uint8Array(size);
    this.#acknowledged = new Uint32Array(size);
    this.#lastEndUs = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    for (const write of operations) if (WRITERS.has(write.invoke.kind)) this.#add(write);
  }

  effectOf(write: Operation): Effect {
    const final = this.#entries.valueOf(write.keyNumber);
    if (final === undefined) return 'not-read';
    if (final === null) return 'absent';
    const { kind } = write.invoke;
    if (kind === 'append') return this.tagCount(write) > 0 ? 'present' : 'absent';
    if (kind === 'incr') return Number(final) >= this.#acknowledgedOn(write) ? 'present' : 'absent';
    return this.#couldBeLast(write) ? 'present' : 'absent';
  }

  /** Counts how often the tag of an append occurs in the final value. */
  tagCount({ invoke: { value = '' }, keyNumber }: Operation): number {
    let tags = this.#tags.get(keyNumber);
    if (tags === undefined) {
      tags = countsOf((this.#entries.valueOf(keyNumber) ?? '').split(','));
      this.#tags.set(keyNumber, tags);
    }
    return tags.get(value.replace(/^,/, '')) ?? 0;
  }

  finalOf(write: Operation): string | null | undefined {
    return this.#entries.valueOf(write.keyNumber);
  }

  /** Whether it is certain that no other operation wrote the key. */
  isOnlyWriter(write: Operation): boolean {
    return this.#writers[write.keyNumber] === 1;
  }

  #add(write: Operation): void {
    const { completion, outcome, keyNumber } = write;
    this.#writers[keyNumber] = Math.min(2, (this.#writers[keyNumber] ?? 0) + 1);
    if (outcome === 'ok') this.#acknowledged[keyNumber] = (this.#acknowledged[keyNumber] ?? 0) + 1;
    if (outcome === 'fail' || !this.#isFinal(write)) return;
    const endUs = outcome === 'info' ? Number.POSITIVE_INFINITY : (completion?.atUs ?? 0);
    this.#lastEndUs[keyNumber] = Math.max(endUs, this.#lastEndUs[keyNumber] ?? 0);
  }

  #acknowledgedOn(write: Operation): number {
    return Math.max(1, this.#acknowledged[write.keyNumber] ?? 1);
  }

  /** Whether the final value is the value that the operation wrote (the empty string if no value was recorded). */
  #isFinal({ keyNumber, valueNumber = this.#emptyNumber }: Operation): boolean {
    return valueNumber !== undefined && this.#entries.valueNumberOf(keyNumber) === valueNumber;
  }

  /**
   * Whether the final value is consistent with this write: it is the value of this write, or of a write that had not
   * ended before this one began.
   */
  #couldBeLast(write: Operation): boolean {
    return this.#isFinal(write) || (this.#lastEndUs[write.keyNumber] ?? 0) >= write.invoke.atUs;
  }
}

function countsOf(parts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const part of parts) counts.set(part, (counts.get(part) ?? 0) + 1);
  return counts;
}
