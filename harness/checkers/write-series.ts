/**
 * Times of acknowledged writes, prepared so that a query about one fault does not have to visit every write: an
 * hour-long storm has hundreds of faults and a million writes.
 */
import type { OperationList } from '../history/events.ts';
import { type AcknowledgedWrite, kindOf } from './history-queries.ts';

/** Writes of one kind, in order of their intended time. */
interface KindSeries {
  readonly intendedUs: Float64Array;
  /** Earliest completion among a write and all earlier writes. */
  readonly earliestUntil: Float64Array;
  /** Earliest completion among a write and all later writes. */
  readonly earliestFrom: Float64Array;
  /** Position of each write among the writes of all kinds. */
  readonly positions: Uint32Array;
}

export class WriteSeries {
  readonly #kinds: ReadonlyMap<string, KindSeries>;
  /** Times of all completions, ascending. */
  readonly #doneUs: Float64Array;

  /** @param writes writes in order of their intended time */
  constructor(writes: OperationList<AcknowledgedWrite>) {
    this.#kinds = seriesByKind(writes);
    const doneUs = new Float64Array(writes.length);
    let count = 0;
    for (const { completion } of writes) doneUs[count++] = completion.atUs;
    this.#doneUs = doneUs.sort();
  }

  /**
   * Returns the kinds with a write that was acknowledged by the given time, in the order of their first such writes.
   */
  kindsAcknowledgedBefore(atUs: number): readonly string[] {
    return [...this.#kinds]
      .flatMap(([kind, { earliestUntil, positions }]) => {
        const first = firstIndex(earliestUntil.length, (i) => (earliestUntil[i] as number) <= atUs);
        return first === earliestUntil.length ? [] : [{ kind, position: positions[first] as number }];
      })
      .sort((a, b) => a.position - b.position)
      .map(({ kind }) => kind);
  }

  /** Returns, per kind, the earliest completion of the writes whose intended time is after the given time. */
  firstAfter(atUs: number): ReadonlyMap<string, number> {
    const first = new Map<string, number>();
    for (const [kind, { intendedUs, earliestFrom }] of this.#kinds) {
      const after = firstIndex(intendedUs.length, (i) => (intendedUs[i] as number) > atUs);
      if (after < intendedUs.length) first.set(kind, earliestFrom[after] as number);
    }
    return first;
  }

  /**
   * Returns the length of the longest gap between acknowledged writes that ends at `fromUs` or later.
   *
   * @param startUs start of the first gap
   * @param endUs end of the last gap
   */
  longestGapUs(fromUs: number, startUs: number, endUs: number): number {
    const times = this.#doneUs;
    const first = firstIndex(times.length, (i) => (times[i] as number) >= fromUs);
    let longest = 0;
    let before = first === 0 ? startUs : Math.max(startUs, times[first - 1] as number);
    for (let i = first; i < times.length; i++) {
      longest = Math.max(longest, (times[i] as number) - before);
      before = Math.max(before, times[i] as number);
    }
    return endUs >= fromUs ? Math.max(longest, endUs - before) : longest;
  }
}

function seriesByKind(writes: OperationList<AcknowledgedWrite>): ReadonlyMap<string, KindSeries> {
  const counts = new Map<string, number>();
  for (const write of writes) counts.set(kindOf(write), (counts.get(kindOf(write)) ?? 0) + 1);
  const kinds = new Map<string, KindSeries>();
  for (const [kind, count] of counts) {
    const earliestUntil = new Float64Array(count);
    const intendedUs = new Float64Array(count);
    const positions = new Uint32Array(count);
    let [i, position, earliest] = [0, 0, Number.POSITIVE_INFINITY];
    const doneUs = new Float64Array(count);
    for (const write of writes) {
      if (kindOf(write) === kind) {
        earliest = Math.min(earliest, write.completion.atUs);
        doneUs[i] = write.completion.atUs;
        earliestUntil[i] = earliest;
        intendedUs[i] = write.invoke.intendedUs;
        positions[i++] = position;
      }
      position++;
    }
    const earliestFrom = doneUs;
    for (let at = count - 2; at >= 0; at--)
      earliestFrom[at] = Math.min(earliestFrom[at] as number, earliestFrom[at + 1] as number);
    kinds.set(kind, { intendedUs, earliestUntil, earliestFrom, positions });
  }
  return kinds;
}

/**
 * Returns the first index for which a condition holds; `length` if there is none. The condition must hold for all later
 * indexes, too.
 */
export function firstIndex(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
