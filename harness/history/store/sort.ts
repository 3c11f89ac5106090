/** Sorts the rows of a table by time, without an object per row. */

const RUN = 32;

/**
 * Returns the rows 0 to `times.length - 1`, ordered by time.
 * @param compare order of two rows with the same time
 */
export function sortedRows(
  times: Float64Array,
  compare: (a: number, b: number) => number,
): Uint32Array<ArrayBuffer> {
  const rows = Uint32Array.from({ length: times.length }, (_, row) => row);
  const isAfter = (a: number, b: number) => {
    const difference = (times[a] as number) - (times[b] as number);
    return difference > 0 || (difference === 0 && compare(a, b) > 0);
  };
  for (let from = 0; from < rows.length; from += RUN)
    sortRun(rows, from, Math.min(rows.length, from + RUN), isAfter);
  let [source, target] = [rows, new Uint32Array(rows.length)];
  for (let width = RUN; width < rows.length; width *= 2) {
    for (let from = 0; from < rows.length; from += 2 * width) merge(source, target, from, width, isAfter);
    [source, target] = [target, source];
  }
  return source;
}

type IsAfter = (a: number, b: number) => boolean;

/** Sorts a few rows by insertion, because rows written by a recorder are nearly in order. */
function sortRun(rows: Uint32Array, from: number, to: number, isAfter: IsAfter): void {
  for (let i = from + 1; i < to; i++) {
    const row = rows[i] as number;
    let at = i;
    for (; at > from && isAfter(rows[at - 1] as number, row); at--) rows[at] = rows[at - 1] as number;
    rows[at] = row;
  }
}

/** Merges two sorted runs that follow each other. */
function merge(
  source: Uint32Array,
  target: Uint32Array,
  from: number,
  width: number,
  isAfter: IsAfter,
): void {
  const middle = Math.min(source.length, from + width);
  const end = Math.min(source.length, from + 2 * width);
  let left = from;
  let right = middle;
  for (let to = from; to < end; to++) {
    const takesRight =
      left >= middle || (right < end && isAfter(source[left] as number, source[right] as number));
    target[to] = source[takesRight ? right++ : left++] as number;
  }
}
