/**
 * Replays a decision log: verifies the chain of hashes and recomputes every decision byte for byte. Pure.
 *
 * The hashes reveal changes, but do not prove the origin of a log: anyone who can write to the log can forge a complete
 * one.
 */
import {
  digestOf,
  type EventEntry,
  entryText,
  eventAfter,
  type Head,
  type LogEntry,
  parseEntry,
} from './entry.ts';

export interface Replay {
  readonly entries: number;
  /** Number of decisions that were recomputed. */
  readonly decisions: number;
  readonly head: Head | undefined;
  /** Description of the first difference, where the replay stops; undefined if there is none. */
  readonly problem: string | undefined;
}

/** Replays a log. @param lines texts of consecutive entries; the first is a snapshot */
export function replay(lines: readonly string[]): Replay {
  let head: Head | undefined;
  let decisions = 0;
  for (const [position, line] of lines.entries()) {
    const next = follow(head, line);
    if (typeof next === 'string')
      return { entries: position, decisions, head, problem: `entry ${position + 1}: ${next}` };
    if (next.decided) decisions += 1;
    head = next.head;
  }
  return { entries: lines.length, decisions, head, problem: undefined };
}

/** Returns the head after one more entry, or the reason why the entry cannot follow. */
export function follow(
  head: Head | undefined,
  line: string,
): { readonly head: Head; readonly decided: boolean } | string {
  let entry: LogEntry;
  try {
    entry = parseEntry(line);
  } catch (error) {
    return (error as Error).message;
  }
  const { digest, ...unsealed } = entry;
  if (digest !== digestOf(unsealed)) return 'its digest does not match its content';
  if (head !== undefined && (entry.index !== head.index + 1 || entry.previous !== head.digest)) {
    return `it does not follow entry ${head.index}: an entry is missing, inserted or changed`;
  }
  if (entry.kind === 'event') return recompute(head, entry, line);
  // A change to the settings starts a new generation, so the state is expected to differ.
  if (head !== undefined && digestOf(head.rules) === digestOf(entry.rules)) {
    if (digestOf(head.state) !== digestOf(entry.state))
      return 'the state of the snapshot differs from the recomputed state';
  }
  const { index, rules, state } = entry;
  return { head: { index, digest, rules, state, decision: head?.decision ?? null }, decided: false };
}

function recompute(
  head: Head | undefined,
  entry: EventEntry,
  line: string,
): { readonly head: Head; readonly decided: boolean } | string {
  if (head === undefined) return 'the first entry must be a snapshot';
  try {
    const again = eventAfter(head, entry.event);
    return entryText(again.entry) === line
      ? { head: again.head, decided: true }
      : `the decision is recorded as ${entry.decision.verdict}, recomputed ${again.entry.kind === 'event' ? again.entry.decision.verdict : ''}: the texts differ`;
  } catch (error) {
    return `it cannot be recomputed: ${(error as Error).message}`;
  }
}
