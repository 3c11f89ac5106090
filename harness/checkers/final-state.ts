/**
 * Whether the effect of a write is in the final state. Writes share a key only where their kind allows it: a `set` may
 * be followed by a later one, an `incr` counts, an `append` leaves its tag.
 */
import type { Operation, OperationKind } from '../history/events.ts';

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

/** All writes of one key, indexed so that judging one write does not require visiting all others. */
interface Writers {
  count: number;
  acknowledged: number;
  /** For each value, the end of its last write that may have been applied; Infinity if the end is unknown. */
  readonly lastEndUs: Map<string, number>;
}

export class FinalState {
  readonly #entries: ReadonlyMap<string, string | null>;
  readonly #writers = new Map<string, Writers>();
  readonly #tags = new Map<string, ReadonlyMap<string, number>>();

  constructor(entries: ReadonlyMap<string, string | null>, operations: readonly Operation[]) {
    this.#entries = entries;
    for (const write of operations) if (WRITERS.has(write.invoke.kind)) this.#add(write);
  }

  effectOf(write: Operation): Effect {
    const final = this.#entries.get(write.invoke.key);
    if (final === undefined) return 'not-read';
    if (final === null) return 'absent';
    if (write.invoke.kind === 'append') return this.tagCount(write) > 0 ? 'present' : 'absent';
    if (write.invoke.kind === 'incr')
      return Number(final) >= this.#acknowledgedOn(write) ? 'present' : 'absent';
    return this.#couldBeLast(write, final) ? 'present' : 'absent';
  }

  /** Counts how often the tag of an append occurs in the final value. */
  tagCount({ invoke: { key, value = '' } }: Operation): number {
    let tags = this.#tags.get(key);
    if (tags === undefined) {
      tags = countsOf((this.#entries.get(key) ?? '').split(','));
      this.#tags.set(key, tags);
    }
    return tags.get(value.replace(/^,/, '')) ?? 0;
  }

  finalOf(write: Operation): string | null | undefined {
    return this.#entries.get(write.invoke.key);
  }

  /** Whether no other operation may have written the key. */
  isOnlyWriter(write: Operation): boolean {
    return this.#writers.get(write.invoke.key)?.count === 1;
  }

  #add({ invoke, completion, outcome }: Operation): void {
    const writers = this.#writers.get(invoke.key) ?? { count: 0, acknowledged: 0, lastEndUs: new Map() };
    this.#writers.set(invoke.key, writers);
    writers.count++;
    if (outcome === 'ok') writers.acknowledged++;
    if (outcome === 'fail') return;
    const value = invoke.value ?? '';
    const endUs = outcome === 'info' ? Number.POSITIVE_INFINITY : (completion?.atUs ?? 0);
    writers.lastEndUs.set(value, Math.max(endUs, writers.lastEndUs.get(value) ?? 0));
  }

  #acknowledgedOn(write: Operation): number {
    return Math.max(1, this.#writers.get(write.invoke.key)?.acknowledged ?? 1);
  }

  /**
   * Whether the final value is consistent with this write: it is the value of this write, or of a write that had not
   * ended before this one began.
   */
  #couldBeLast({ invoke }: Operation, final: string): boolean {
    if (final === (invoke.value ?? '')) return true;
    const lastEndUs = this.#writers.get(invoke.key)?.lastEndUs.get(final);
    return lastEndUs !== undefined && lastEndUs >= invoke.atUs;
  }
}

function countsOf(parts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const part of parts) counts.set(part, (counts.get(part) ?? 0) + 1);
  return counts;
}
