/**
 * Parses JSONL texts into a History: reads the files that the recorders of one trial wrote, joins the two lines of each
 * operation and merges everything on the run's clock. Pure.
 *
 * A killed writer leaves a truncated line at the very end of a file: it is left out and listed in `torn`. A broken line
 * anywhere else, a number out of bounds, or an operation that completes twice, before it was sent or without an invoke
 * makes the history invalid: KitError EVIDENCE_BROKEN with file and line, because judging the rest would be guessing.
 */
import { EXIT, KitError } from '../../config/errors.ts';
import { excerpt, shorten } from '../evidence/excerpt.ts';
import { currentFault } from '../evidence/former-schema.ts';
import { dataShapeOf, EVENT_SHAPES } from '../evidence/history-shape.ts';
import { MAX_FAULT_EVENTS, MAX_NODES, MAX_TIME_US } from '../evidence/limits.ts';
import { shapeProblem } from '../evidence/shape.ts';
import type {
  CompletionEvent,
  ExpectationEvent,
  FaultEvent,
  FinalReadEvent,
  History,
  HistoryEvent,
  InvokeEvent,
  ObservationEvent,
  Operation,
} from './events.ts';

/** One recorder's file. */
export interface HistoryText {
  /** Path relative to the run folder; used in messages. */
  readonly path: string;
  readonly text: string;
}

/** A trial's start and end on the run's clock: all its events are in between. */
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

/** Parses the complete lines as events. `torn`: the last line was truncated. */
function parseLines({ path, text }: HistoryText, span: TrialSpan): { events: HistoryEvent[]; torn: boolean } {
  const lines = text.split('\n');
  const events: HistoryEvent[] = [];
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    if (isLast && line === '') break;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // Only the recorder's line feed makes a line complete: a line without it that cannot be parsed was truncated.
      if (isLast) return { events, torn: true };
      throw brokenHistory(`${path}:${index + 1}`, `not a line of JSON: ${excerpt(line)}`);
    }
    events.push(parseEvent(value, span, `${path}:${index + 1}`));
  }
  return { events, torn: false };
}

/** Joins invocations and completions; `client` and `op` identify an operation. */
class OperationTable {
  readonly #invokes = new Map<string, InvokeEvent>();
  readonly #completions = new Map<string, CompletionEvent>();

  add(event: InvokeEvent | CompletionEvent, path: string): void {
    const id = `${event.client} ${event.op}`;
    if (event.type === 'invoke') {
      if (this.#invokes.has(id)) throw brokenHistory(path, `operation ${id} is invoked twice`);
      if (event.intendedUs > event.atUs) {
        throw brokenHistory(
          path,
          `operation ${id} is sent before it was intended (${event.atUs}, ${event.intendedUs})`,
        );
      }
      this.#invokes.set(id, event);
      return;
    }
    const invoke = this.#invokes.get(id);
    if (invoke === undefined)
      throw brokenHistory(path, `operation ${id} completes without having been invoked`);
    if (this.#completions.has(id)) throw brokenHistory(path, `operation ${id} completes twice`);
    if (event.atUs < invoke.atUs) {
      throw brokenHistory(
        path,
        `operation ${id} completes before it was sent (${event.atUs}, ${invoke.atUs})`,
      );
    }
    if (invoke.kind === 'getMany' && !isHitCount(event.value, invoke.batch ?? 1)) {
      throw brokenHistory(
        path,
        `operation ${id} has ${excerpt(event.value)} hits of ${invoke.batch ?? 1} keys`,
      );
    }
    this.#completions.set(id, event);
  }

  operations(): Operation[] {
    return [...this.#invokes]
      .map(([id, invoke]): Operation => {
        const completion = this.#completions.get(id);
        return {
          invoke,
          completion,
          outcome: completion?.type ?? 'info',
          latencyMs: completion === undefined ? undefined : (completion.atUs - invoke.intendedUs) / 1000,
        };
      })
      .sort(
        (a, b) =>
          a.invoke.intendedUs - b.invoke.intendedUs ||
          (a.invoke.client < b.invoke.client ? -1 : a.invoke.client > b.invoke.client ? 1 : 0) ||
          a.invoke.op - b.invoke.op,
      );
  }
}

/** Whether the value is the number of keys that a batch found, as a string. */
function isHitCount(value: string | null | undefined, keys: number): boolean {
  if (value === null || value === undefined) return true;
  return /^\d{1,9}$/.test(value) && Number(value) <= keys;
}

/** Refuses more events than any trial has, because checkers compare each event with every operation. */
function assertFew(
  path: string,
  { faults, observations, finals }: Omit<History, 'operations' | 'expectations'>,
): void {
  const lags = observations.filter(({ from, name }) => from === 'drill' && name === 'lag');
  const counts = [
    [faults.length, MAX_FAULT_EVENTS, 'fault events'],
    [lags.length, MAX_FAULT_EVENTS, 'marks of lagging replicas'],
    [new Set(finals.map(({ node }) => node)).size, MAX_NODES, 'nodes that were read back'],
  ] as const;
  for (const [count, most, what] of counts) {
    if (count > most) throw brokenHistory(path, `${count} ${what}; at most ${most} in one trial`);
  }
}

/**
 * Parses and merges the files of one trial.
 *
 * @param span start and end of the trial, as its record gives them; if left out, events may have any time
 * @throws KitError EVIDENCE_BROKEN, with file and line
 */
export function parseHistory(texts: readonly HistoryText[], span: TrialSpan = ANY_TIME): ParsedHistory {
  const table = new OperationTable();
  const faults: FaultEvent[] = [];
  const observations: ObservationEvent[] = [];
  const expectations: ExpectationEvent[] = [];
  const finals: FinalReadEvent[] = [];
  const torn: string[] = [];
  for (const text of texts) {
    const parsed = parseLines(text, span);
    if (parsed.torn) torn.push(text.path);
    for (const event of parsed.events) {
      if (event.type === 'fault') faults.push(event);
      else if (event.type === 'observe') observations.push(event);
      else if (event.type === 'expect') expectations.push(event);
      else if (event.type === 'final') finals.push(event);
      else table.add(event, text.path);
    }
    assertFew(text.path, { faults, observations, finals });
  }
  // Sorting is stable: events of the same moment keep the order in which they were recorded.
  const byTime = (a: { readonly atUs: number }, b: { readonly atUs: number }) => a.atUs - b.atUs;
  return {
    history: {
      operations: table.operations(),
      faults: faults.sort(byTime),
      observations: observations.sort(byTime),
      expectations: expectations.sort(byTime),
      finals: finals.sort(byTime),
    },
    torn,
  };
}
