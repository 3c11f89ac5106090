/**
 * Compares two nodes to determine which of them has more of their common replication stream. Pure.
 *
 * Every node executes the commands of one replication stream in the same order. The data on a node's disk is therefore
 * a position in that stream: a replication id and offset (a snapshot), or the commands themselves (an append-only
 * file). Two lists of commands are two windows on one stream: if they overlap, their ends show which node has more.
 */

/** Position of a node's data in the replication stream. */
export type Position =
  | { readonly kind: 'offset'; readonly replicationId: string; readonly offset: number }
  | {
      readonly kind: 'commands';
      /** Digests of the commands since the last rewrite of the file (`aof.ts`). */
      readonly digests: Uint32Array;
      /** Whether the file began without keys, and therefore contains all commands that created the data. */
      readonly isComplete: boolean;
    }
  | { readonly kind: 'unknown' };

/** Order of `a` relative to `b`. */
export type Order = 'same' | 'ahead' | 'behind' | 'unknown';

export function comparePositions(a: Position, b: Position): Order {
  if (a.kind === 'offset' && b.kind === 'offset') {
    return a.replicationId === b.replicationId ? orderOf(a.offset - b.offset) : 'unknown';
  }
  if (a.kind === 'commands' && b.kind === 'commands') {
    const complete = a.isComplete && b.isComplete ? compareComplete(a.digests, b.digests) : 'unknown';
    return complete === 'unknown' ? compareWindows(a.digests, b.digests) : complete;
  }
  return 'unknown';
}

/**
 * Compares two complete lists. Both begin without keys, so one must be a prefix of the other, however short it is.
 */
function compareComplete(a: Uint32Array, b: Uint32Array): Order {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i += 1) if (a[i] !== b[i]) return 'unknown';
  return orderOf(a.length - b.length);
}

/**
 * Tries every alignment of the two windows in which the overlapping parts are equal. Several alignments match if
 * commands repeat (INCR of one key, one library loaded at each start). All alignments whose overlap is not negligible
 * compared with the longest overlap must give the same order. The longest overlap must not be a coincidence: it must be
 * long and varied, or contain commands with a time. Otherwise the order is unknown.
 */
export function compareWindows(a: Uint32Array, b: Uint32Array): Order {
  const overlaps = a.length === 0 || b.length === 0 ? [] : overlapsOf(a, b);
  const longest = overlaps.reduce((most, each) => (each.overlap > most.overlap ? each : most), NO_OVERLAP);
  if (!isSignificantOverlap(a, Math.max(0, longest.shift), longest.overlap)) return 'unknown';
  const orders = new Set(
    overlaps
      .filter(({ overlap }) => overlap * NEGLIGIBLE_RATIO >= longest.overlap)
      .map(({ shift }) => orderOf(a.length - (b.length + shift))),
  );
  const [only, ...more] = orders;
  return only === undefined || more.length > 0 ? 'unknown' : only;
}

/**
 * Minimum length of an overlap. A few commands may repeat by chance, because hot keys are written with the same values.
 */
const LEAST_OVERLAP = 24;
/** Minimum number of commands with a time in ms: if key, value and time are the same, it is the same command. */
const LEAST_TIMED = 2;
/** Minimum number of different commands in an overlap. */
const LEAST_DISTINCT = 6;
/**
 * An overlap is negligible if the longest one is more than this many times as long: an overlap of one command is a
 * coincidence if another has hundreds.
 */
const NEGLIGIBLE_RATIO = 10;

interface Overlap {
  /** Index in `a` at which `b` begins; negative if `b` begins first. */
  readonly shift: number;
  readonly overlap: number;
}

const NO_OVERLAP: Overlap = { shift: 0, overlap: 0 };

function overlapsOf(a: Uint32Array, b: Uint32Array): readonly Overlap[] {
  // Alignments of b within a, and of a within b; both include the shift 0.
  const within = findOverlaps(a, b);
  const before = findOverlaps(b, a).filter(({ shift }) => shift > 0);
  return [...within, ...before.map(({ shift, overlap }) => ({ shift: -shift, overlap }))];
}

/**
 * Returns every position in `text` at which `pattern` matches, either completely or up to the end of `text`
 * (Knuth-Morris-Pratt).
 */
function findOverlaps(text: Uint32Array, pattern: Uint32Array): readonly Overlap[] {
  const border = bordersOf(pattern);
  const found: Overlap[] = [];
  let matched = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (matched === pattern.length) matched = border[matched - 1] as number;
    while (matched > 0 && pattern[matched] !== text[i]) matched = border[matched - 1] as number;
    if (pattern[matched] === text[i]) matched += 1;
    if (matched === pattern.length) found.push({ shift: i + 1 - matched, overlap: matched });
  }
  // Partial matches at the end of the text, longest first.
  let rest = matched === pattern.length ? (border[matched - 1] as number) : matched;
  for (; rest > 0; rest = border[rest - 1] as number)
    found.push({ shift: text.length - rest, overlap: rest });
  return found;
}

/** Returns, for each prefix, the length of its longest proper border (a prefix that is also a suffix). */
function bordersOf(pattern: Uint32Array): Uint32Array {
  const border = new Uint32Array(pattern.length);
  let matched = 0;
  for (let i = 1; i < pattern.length; i += 1) {
    while (matched > 0 && pattern[matched] !== pattern[i]) matched = border[matched - 1] as number;
    if (pattern[matched] === pattern[i]) matched += 1;
    border[i] = matched;
  }
  return border;
}

function isSignificantOverlap(digests: Uint32Array, from: number, count: number): boolean {
  const different = new Set<number>();
  let timed = 0;
  for (let i = from; i < from + count; i += 1) {
    const digest = digests[i] as number;
    different.add(digest);
    timed += digest & 1;
    if (timed >= LEAST_TIMED) return true;
    if (count >= LEAST_OVERLAP && different.size >= LEAST_DISTINCT) return true;
  }
  return false;
}

function orderOf(difference: number): Order {
  if (difference === 0) return 'same';
  return difference > 0 ? 'ahead' : 'behind';
}
