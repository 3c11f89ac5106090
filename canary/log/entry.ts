/**
 * Entries of the decision log: each contains the hash of the previous entry and its own hash, so a changed, missing or
 * inserted entry is detected. A snapshot contains the rules and the complete state; an event contains its input, the
 * decision and the hash of the resulting state.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../harness/evidence/canonical-json.ts';
import { step } from '../judge/step.ts';
import type { CanaryEvent, Decision, JudgeState, Rules } from '../judge/types.ts';

const LOG_SCHEMA = 1;

interface Link {
  readonly schema: typeof LOG_SCHEMA;
  readonly index: number;
  /** Digest of the previous entry; empty for the first. */
  readonly previous: string;
  readonly digest: string;
}

export interface SnapshotEntry extends Link {
  readonly kind: 'snapshot';
  readonly rules: Rules;
  readonly state: JudgeState;
}

export interface EventEntry extends Link {
  readonly kind: 'event';
  readonly event: CanaryEvent;
  readonly decision: Decision;
  /** Digest of the state after the event. */
  readonly stateDigest: string;
}

export type LogEntry = SnapshotEntry | EventEntry;

type Unlinked = Omit<SnapshotEntry, keyof Link> | Omit<EventEntry, keyof Link>;

/** Head of a log, which the next entry extends. */
export interface Head {
  readonly index: number;
  readonly digest: string;
  readonly rules: Rules;
  readonly state: JudgeState;
  /** Decision of the last event; null before the first. */
  readonly decision: Decision | null;
}

export interface Appended {
  readonly entry: LogEntry;
  readonly head: Head;
}

export function snapshotAfter(head: Head | undefined, rules: Rules, state: JudgeState): Appended {
  const entry = link(head, { kind: 'snapshot', rules, state });
  const { index, digest } = entry;
  return { entry, head: { index, digest, rules, state, decision: head?.decision ?? null } };
}

/** Returns the log entry for an event, and the head after it. @throws RangeError in the same cases as `step` */
export function eventAfter(head: Head, event: CanaryEvent): Appended {
  const { state, decision } = step(head.rules, head.state, event);
  const entry = link(head, { kind: 'event', event, decision, stateDigest: digestOf(state) });
  const { index, digest } = entry;
  return { entry, head: { index, digest, rules: head.rules, state, decision } };
}

function link(head: Head | undefined, content: Unlinked): LogEntry {
  const unsealed = {
    schema: LOG_SCHEMA,
    index: head === undefined ? 0 : head.index + 1,
    previous: head?.digest ?? '',
    ...content,
  } as const;
  return { ...unsealed, digest: digestOf(unsealed) } as LogEntry;
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Formats an entry as one line with sorted keys, so that equal entries have equal text. */
export function entryText(entry: LogEntry): string {
  return JSON.stringify(JSON.parse(canonicalJson(entry)));
}

/** Parses an entry. @throws SyntaxError if it is not JSON; TypeError if it is not an entry of this schema */
export function parseEntry(text: string): LogEntry {
  const value: unknown = JSON.parse(text);
  const entry = value as Partial<LogEntry> | null;
  if (entry?.schema !== LOG_SCHEMA || (entry.kind !== 'snapshot' && entry.kind !== 'event')) {
    throw new TypeError(`must be an entry of a canary log, schema ${LOG_SCHEMA}`);
  }
  return entry as LogEntry;
}

/** Returns the events among the entries. Entries that cannot be read are left out; `replay` reports them. */
export function eventsOf(lines: readonly string[]): readonly EventEntry[] {
  return lines.flatMap((line) => {
    try {
      const entry = parseEntry(line);
      return entry.kind === 'event' ? [entry] : [];
    } catch {
      return [];
    }
  });
}
