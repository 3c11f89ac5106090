/**
 * Parses JSONL into a History: reads, line by line, the files that the recorders of one trial wrote, joins the two
 * lines of each operation and merges everything on the run's clock. Pure.
 *
 * A killed writer leaves a truncated line at the very end of a file. The line is left out, and the file is listed in
 * `torn`. The history is invalid if a line is broken anywhere else, if a number is out of bounds, or if an operation
 * completes twice, completes before it was sent, or has no invoke line. The parser then throws KitError EVIDENCE_BROKEN
 * with file and line, because a judgement of the rest would be unreliable.
 */
import { EXIT, KitError } from '../../config/errors.ts';
import { excerpt, shorten } from '../evidence/excerpt.ts';
import { currentFault } from '../evidence/former-schema.ts';
import { dataShapeOf, EVENT_SHAPES } from '../evidence/history-shape.ts';
import { MAX_FAULT_EVENTS, MAX_LINE_BYTES, MAX_NODES, MAX_TIME_US } from '../evidence/limits.ts';
import { shapeProblem } from '../evidence/shape.ts';
import type {
  ExpectationEvent,
  FaultEvent,
  History,
  HistoryEvent,
  NumberedFinal,
  ObservationEvent,
} from './events.ts';
import { linesOf } from './lines.ts';
import { StoredFinal, StoredOperations } from './store/list.ts';
import { ObservationTable } from './store/observations.ts';
import { OperationTable } from './store/operations.ts';

/** One recorder's file: its path relative to the run folder, used in messages, and its content. */
export type HistorySource = { readonly path: string } & (
  | { readonly text: string }
  | { readonly pieces: Iterable<Uint8Array> }
);

/** A trial's start and end on the run's clock. All events of the trial must be within this span. */
export interface TrialSpan {
  readonly startedUs: number;
  readonly endedUs: number;
}

export interface ParsedHistory {
  readonly history: History;
  /** Files whose last line was truncated. */
  readonly torn: readonly string[];
}

const ANY_TIME: TrialSpan = { startedUs: 0, endedUs: MAX_TIME_US };

function brokenHistory(where: string, what: string): KitError {
  return new KitError(what, {
    code: 'EVIDENCE_BROKEN',
    where,
    hint: 'the file was not written by the recorder; this run cannot be judged, run again',
    exitCode: EXIT.UNKNOWN,
  });
}

function parseEvent(value: unknown, { startedUs, endedUs }: TrialSpan, where: string): HistoryEvent {
  const { type } = (typeof value === 'object' && value !== null ? value : {}) as { readonly type?: unknown };
  const name = typeof type === 'string' ? type : excerpt(type);
  if (!Object.hasOwn(EVENT_SHAPES, name)) {
    const allowed = Object.keys(EVENT_SHAPES).join(', ');
    throw brokenHistory(where, `'${shorten(name)}' is not an event type; allowed: ${allowed}`);
  }
  const problem = shapeProblem(value, EVENT_SHAPES[name as HistoryEvent['type']]);
  if (problem !== undefined) throw brokenHistory(where, `${name}.${problem}`);
  const event = value as HistoryEvent;
  const data = event.type === 'observe' ? dataShapeOf(event) : undefined;
  const dataProblem = data && shapeProblem((event as ObservationEvent).data ?? {}, data);
  if (dataProblem !== undefined) throw brokenHistory(where, `observe.data.${dataProblem}`);
  const firstUs = event.type === 'invoke' ? Math.min(event.intendedUs, event.atUs) : event.atUs;
  if (firstUs < startedUs || event.atUs > endedUs) {
    const time = firstUs < startedUs ? firstUs : event.atUs;
    throw brokenHistory(where, `${name} at ${time} us; the trial lasted from ${startedUs} to ${endedUs} us`);
  }
  return event.type === 'fault' ? { ...event, fault: currentFault(event.fault) } : event;
}

/** Parses the complete lines and passes their events on, in order. Returns whether the last line was truncated. */
function parseLines(source: HistorySource, span: TrialSpan, add: (event: HistoryEvent) => void): boolean {
  const { path } = source;
  const refuse = (number: number): never => {
    throw brokenHistory(`${path}:${number}`, `a line of more than ${MAX_LINE_BYTES} bytes`);
  };
  const content = 'text' in source ? source.text : source.pieces;
  for (const { text, number, isComplete } of linesOf(content, MAX_LINE_BYTES, refuse)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Only the recorder's line feed makes a line complete: a line without it that cannot be parsed was truncated.
      if (!isComplete) return true;
      throw brokenHistory(`${path}:${number}`, `not a line of JSON: ${excerpt(text)}`);
    }
    add(parseEvent(value, span, `${path}:${number}`));
  }
  return false;
}

/**
 * Refuses a history with more events than any real trial has, because checkers compare each event with every operation.
 */
function assertFew(
  path: string,
  { faults, lags, finals }: Pick<History, 'faults' | 'finals'> & { readonly lags: number },
): void {
  const counts = [
    [faults.length, MAX_FAULT_EVENTS, 'fault events'],
    [lags, MAX_FAULT_EVENTS, 'marks of lagging replicas'],
    [new Set(finals.map(({ node }) => node)).size, MAX_NODES, 'nodes that were read back'],
  ] as const;
  for (const [count, most, what] of counts) {
    if (count > most) throw brokenHistory(path, `${count} ${what}; at most ${most} in one trial`);
  }
}

/**
 * Parses and merges the files of one trial.
 *
 * @param span start and end of the trial, as given in its record; if left out, events may have any time
 * @throws KitError EVIDENCE_BROKEN, with file and line
 */
export function parseHistory(sources: readonly HistorySource[], span: TrialSpan = ANY_TIME): ParsedHistory {
  const table = new OperationTable();
  const faults: FaultEvent[] = [];
  const observations = new ObservationTable();
  /** Number of marks of lagging replicas. */
  let lags = 0;
  const expectations: ExpectationEvent[] = [];
  const finals: NumberedFinal[] = [];
  const torn: string[] = [];
  for (const source of sources) {
    const { path } = source;
    let problem: string | undefined;
    const isTorn = parseLines(source, span, (event) => {
      if (event.type === 'observe' && event.from === 'drill' && event.name === 'lag') lags++;
      if (event.type === 'fault') faults.push(event);
      else if (event.type === 'observe') observations.add(event);
      else if (event.type === 'expect') expectations.push(event);
      else if (event.type === 'final') finals.push(new StoredFinal(event, table));
      else if (event.type === 'invoke') problem ??= table.addInvoke(event);
      else problem ??= table.addCompletion(event);
    });
    if (isTorn) torn.push(path);
    // A broken line is reported before events that contradict earlier events.
    if (problem !== undefined) throw brokenHistory(path, problem);
    assertFew(path, { faults, lags, finals });
  }
  // Sorting is stable: events with the same time keep the order in which they were recorded.
  const byTime = (a: { readonly atUs: number }, b: { readonly atUs: number }) => a.atUs - b.atUs;
  return {
    history: {
      operations: new StoredOperations(table, table.sorted()),
      faults: faults.sort(byTime),
      observations: observations.sorted(),
      expectations: expectations.sort(byTime),
      finals: finals.sort(byTime),
      keys: table.keys,
      values: table.values,
    },
    torn,
  };
}
