/**
 * Whether the effect of a write is in the final state. Keys are shared only where a kind says so: a `set` may be followed
 * by a later one, an `incr` counts, an `append` leaves its tag.
 */
import type { Operation, OperationKind } from '../history.ts';

/** Kinds that may change a key; a computed value is stored behind the caller's back. */
const WRITERS: ReadonlySet<OperationKind> = new Set([
  'set',
  'setMany',
  'incr',
  'append',
  'delete',
  'getOrCompute',
]);

/** A write's effect, as the master's final read shows it. */
export type Effect = 'present' | 'absent' | 'not-read';

export class FinalState {
  readonly #entries: ReadonlyMap<string, string | null>;
  readonly #writers = new Map<string, Operation[]>();

  constructor(entries: ReadonlyMap<string, string | null>, operations: readonly Operation[]) {
    this.#entries = entries;
    for (const write of operations) {
      if (!WRITERS.has(write.invoke.kind)) continue;
      const writers = this.#writers.get(write.invoke.key);
      if (writers === undefined) this.#writers.set(write.invoke.key, [write]);
      else writers.push(write);
    }
  }

  effectOf(write: Operation): Effect {
    const final = this.#entries.get(write.invoke.key);
    if (final === undefined) return 'not-read';
    if (final === null) return 'absent';
    if (write.invoke.kind === 'append') return this.tagCount(write) > 0 ? 'present' : 'absent';
    if (write.invoke.kind === 'incr')
      return Number(final) >= this.#acknowledgedOn(write) ? 'present' : 'absent';
    return this.#couldBeLast(write).has(final) ? 'present' : 'absent';
  }

  /** How often an append's tag stands in the final value. */
  tagCount(write: Operation): number {
    const final = this.#entries.get(write.invoke.key) ?? '';
    const tag = (write.invoke.value ?? '').replace(/^,/, '');
    return final.split(',').filter((part) => part === tag).length;
  }

  finalOf(write: Operation): string | null | undefined {
    return this.#entries.get(write.invoke.key);
  }

  /** Whether no other operation may have written the key. */
  isOnlyWriter(write: Operation): boolean {
    return this.#writers.get(write.invoke.key)?.length === 1;
  }

  #acknowledgedOn(write: Operation): number {
    return Math.max(
      1,
      this.#writers.get(write.invoke.key)?.filter((other) => other.outcome === 'ok').length ?? 1,
    );
  }

  /** Values that may rightly stand there after this write: its own, and those of writes that did not end before it began. */
  #couldBeLast(write: Operation): ReadonlySet<string> {
    const values = new Set<string>([write.invoke.value ?? '']);
    for (const other of this.#writers.get(write.invoke.key) ?? []) {
      const endedBefore =
        other.completion !== undefined &&
        other.outcome !== 'info' &&
        other.completion.atUs < write.invoke.atUs;
      if (!endedBefore && other.outcome !== 'fail') values.add(other.invoke.value ?? '');
    }
    return values;
  }
}
