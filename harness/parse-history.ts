/**
 * JSONL texts → History: reads what the recorders of one trial wrote, puts operations together from their two lines and
 * merges everything on the run's clock. Pure.
 *
 * A line that was cut off at the very end of a file is what a killed writer leaves: it is left out and named in `torn`. A
 * broken line anywhere else, an operation that completes twice or that was never invoked, is not a history at all:
 * KitError EVIDENCE_BROKEN with file and line, because judging the rest would be guessing.
 */
import { EXIT, KitError } from '../config/errors.ts';
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
} from './history.ts';

/** One recorder's file. */
export interface HistoryText {
  /** Relative to the run folder; for messages. */
  readonly path: string;
  readonly text: string;
}

export interface ParsedHistory {
  readonly history: History;
  /** Files whose last line was cut off. */
  readonly torn: readonly string[];
}

type Kind = 'string' | 'number' | 'array';

/** The fields that judging leans on; what else a line carries is the writer's business. */
const REQUIRED: Readonly<Record<HistoryEvent['type'], Readonly<Record<string, Kind>>>> = {
  invoke: {
    client: 'string',
    op: 'number',
    kind: 'string',
    key: 'string',
    intendedUs: 'number',
    atUs: 'number',
  },
  ok: { client: 'string', op: 'number', atUs: 'number' },
  fail: { client: 'string', op: 'number', atUs: 'number' },
  info: { client: 'string', op: 'number', atUs: 'number' },
  fault: { fault: 'string', phase: 'string', atUs: 'number' },
  observe: { from: 'string', name: 'string', atUs: 'number' },
  expect: { id: 'string', what: 'string', relation: 'string', atUs: 'number' },
  final: { node: 'string', redisRole: 'string', atUs: 'number', entries: 'array' },
};

function broken(where: string, what: string): KitError {
  return new KitError(what, {
    code: 'EVIDENCE_BROKEN',
    where,
    hint: 'the file is not what a recorder wrote; run again, this run cannot be judged',
    exitCode: EXIT.UNKNOWN,
  });
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}

function asEvent(value: unknown, where: string): HistoryEvent {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const type = String(fields.type);
  const required = Object.hasOwn(REQUIRED, type) ? REQUIRED[type as HistoryEvent['type']] : undefined;
  if (required === undefined) {
    throw broken(where, `'${type}' is no type of event; allowed: ${Object.keys(REQUIRED).join(', ')}`);
  }
  for (const [name, kind] of Object.entries(required)) {
    if (kindOf(fields[name]) !== kind) {
      throw broken(where, `${type}.${name} must be ${kind}, not ${JSON.stringify(fields[name])}`);
    }
  }
  return value as HistoryEvent;
}

/** Whole lines as events; `torn` when the last one was cut off. */
function parseLines({ path, text }: HistoryText): { events: HistoryEvent[]; torn: boolean } {
  const lines = text.split('\n');
  const events: HistoryEvent[] = [];
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    if (isLast && line === '') break;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // Only the recorder's line feed makes a line whole: without it, and unreadable, it was cut off.
      if (isLast) return { events, torn: true };
      throw broken(`${path}:${index + 1}`, `not a line of JSON: ${JSON.stringify(line.slice(0, 80))}`);
    }
    events.push(asEvent(value, `${path}:${index + 1}`));
  }
  return { events, torn: false };
}

/** Puts invocations and completions together; `client` and `op` name an operation. */
class OperationTable {
  readonly #invokes = new Map<string, InvokeEvent>();
  readonly #completions = new Map<string, CompletionEvent>();

  add(event: InvokeEvent | CompletionEvent, path: string): void {
    const id = `${event.client} ${event.op}`;
    if (event.type === 'invoke') {
      if (this.#invokes.has(id)) throw broken(path, `operation ${id} is invoked twice`);
      this.#invokes.set(id, event);
      return;
    }
    if (!this.#invokes.has(id)) throw broken(path, `operation ${id} completes without having been invoked`);
    if (this.#completions.has(id)) throw broken(path, `operation ${id} completes twice`);
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

/**
 * Parses and merges the files of one trial.
 *
 * @throws KitError EVIDENCE_BROKEN, with file and line
 */
export function parseHistory(texts: readonly HistoryText[]): ParsedHistory {
  const table = new OperationTable();
  const faults: FaultEvent[] = [];
  const observations: ObservationEvent[] = [];
  const expectations: ExpectationEvent[] = [];
  const finals: FinalReadEvent[] = [];
  const torn: string[] = [];
  for (const text of texts) {
    const parsed = parseLines(text);
    if (parsed.torn) torn.push(text.path);
    for (const event of parsed.events) {
      if (event.type === 'fault') faults.push(event);
      else if (event.type === 'observe') observations.push(event);
      else if (event.type === 'expect') expectations.push(event);
      else if (event.type === 'final') finals.push(event);
      else table.add(event, text.path);
    }
  }
  // Sorting is stable: events of one moment keep the order in which they were recorded.
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
