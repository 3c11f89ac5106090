/**
 * Sends operations and writes two lines for each: its call and its completion. The issuer never waits for an earlier
 * answer. An operation that exceeds the limit of operations in flight is recorded as failed at its intended time, so
 * that a client that gets no replies causes failures rather than a schedule with fewer operations.
 */
import type { Durability } from '../../config/schema.ts';
import type { Clock } from '../history/clock.ts';
import type { CompletionEvent, HistoryEvent, InvokeEvent, OperationKind } from '../history/events.ts';
import type { Adapter, Answer, Encoding } from './adapter.ts';
import type { LatenessMeter } from './lateness.ts';
import { tagsOf } from './values.ts';

export interface PlannedOperation {
  readonly kind: OperationKind;
  /** Logical key; the history contains the physical key. */
  readonly key: string;
  /**
   * Value that a write stores, as recorded in the history (see `logicalValue`); a function if it contains the
   * operation's id.
   */
  readonly value?: string | ((op: number) => string);
  readonly durability?: Durability;
  readonly deadlineMs?: number;
  readonly batch?: number;
  /** Logical keys of a batch; `batch` is their number. */
  readonly keys?: readonly string[];
  readonly values?: readonly string[];
  readonly phase?: string;
  readonly send: (op: number) => Promise<Answer>;
  readonly onOk?: (answer: Answer) => void;
}

/** A key for the final read to check. */
export interface WrittenKey {
  readonly key: string;
  readonly encoding: Encoding;
}

const WRITES: ReadonlySet<OperationKind> = new Set(['set', 'incr', 'append', 'getOrCompute']);

export interface IssuerOptions {
  readonly adapter: Adapter;
  readonly clock: Clock;
  readonly record: (event: HistoryEvent) => void;
  readonly lateness: LatenessMeter;
  readonly inFlightBound: number;
  /** Called for every write that Redis acknowledged. */
  readonly onAcknowledged?: (invoke: InvokeEvent) => void;
}

export class Issuer {
  readonly #options: IssuerOptions;
  readonly #written = new Map<string, Encoding>();
  #ops = 0;
  #inFlight = 0;
  #closed = false;
  #drained: () => void = () => undefined;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** Physical keys for the final read, with the encoding of their values. */
  get written(): ReadonlyMap<string, Encoding> {
    return this.#written;
  }

  /** Registers keys written by calls other than `set`, `incr`, `append` and `getOrCompute`. */
  remember(keys: readonly WrittenKey[]): void {
    for (const { key, encoding } of keys) this.#written.set(key, encoding);
  }

  /** Sends immediately; resolves when the operation has settled, and never rejects. */
  async issue(intendedUs: number, operation: PlannedOperation): Promise<void> {
    if (this.#closed) return;
    const invoke = this.#invoke(intendedUs, operation);
    this.#options.lateness.sent(intendedUs, invoke.atUs);
    await this.#send(invoke, operation);
  }

  /** Like `issue`, for operations outside the schedule: they do not count towards the generator's lateness. */
  async issueUnscheduled(operation: PlannedOperation): Promise<void> {
    if (this.#closed) return;
    await this.#send(this.#invoke(this.#options.clock.nowUs(), operation), operation);
  }

  async #send(invoke: InvokeEvent, operation: PlannedOperation): Promise<void> {
    const { adapter, record, inFlightBound } = this.#options;
    const { op, kind } = invoke;
    record(invoke);
    if (this.#inFlight >= inFlightBound) {
      const message = `not sent: ${inFlightBound} operations already in flight`;
      this.#complete({ type: 'fail', op, error: { code: 'IN_FLIGHT_BOUND', message } });
      return;
    }
    if (WRITES.has(kind)) this.#written.set(invoke.key, encodingOf(kind, adapter));
    this.#inFlight++;
    try {
      const answer = await operation.send(op);
      this.#complete({ type: 'ok', op, ...answer, ...tagsOf(answer) });
      operation.onOk?.(answer);
      if (answer.source === 'redis' && isWrite(kind) && !this.#closed) this.#options.onAcknowledged?.(invoke);
    } catch (error) {
      const { type, code, message, atUs } = adapter.failure(kind, error);
      this.#complete({ type, op, error: { code, message }, ...(atUs !== undefined && { atUs }) });
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#drained();
    }
  }

  /** Resolves when nothing is in flight, or at the time limit. */
  async drain(boundMs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const timer = setTimeout(resolve, boundMs);
    await promise;
    clearTimeout(timer);
  }

  /** Drops completions from now on: operations that are still in flight have an unknown outcome. */
  close(): void {
    this.#closed = true;
  }

  #invoke(intendedUs: number, operation: PlannedOperation): InvokeEvent {
    const { adapter, clock } = this.#options;
    const { send: _send, onOk: _onOk, key, value, keys, ...rest } = operation;
    const op = this.#ops++;
    return {
      type: 'invoke',
      client: adapter.client,
      op,
      key: adapter.physicalKey(key),
      ...(value !== undefined && { value: typeof value === 'string' ? value : value(op) }),
      ...(keys !== undefined && { batch: keys.length, keys: keys.map((each) => adapter.physicalKey(each)) }),
      ...rest,
      intendedUs,
      atUs: clock.nowUs(),
    };
  }

  #complete(event: Omit<CompletionEvent, 'client' | 'atUs'> & Partial<Pick<CompletionEvent, 'atUs'>>): void {
    const { adapter, clock, record } = this.#options;
    if (!this.#closed) record({ atUs: clock.nowUs(), ...event, client: adapter.client });
  }
}

function isWrite(kind: OperationKind): boolean {
  return kind === 'set' || kind === 'incr' || kind === 'append' || kind === 'setMany';
}

function encodingOf(kind: OperationKind, adapter: Adapter): Encoding {
  return kind === 'incr' || kind === 'append' ? 'raw' : adapter.encoding;
}
