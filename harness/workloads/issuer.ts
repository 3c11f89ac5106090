/**
 * Sends operations and writes their two lines. It never waits for an earlier answer; what the bound on operations in
 * flight keeps back is recorded as failed at its intended time, so that a dead client shows as failures and not as a
 * schedule that thins out.
 */
import type { Durability } from '../../config/schema.ts';
import type { Clock } from '../clock.ts';
import type { CompletionEvent, HistoryEvent, InvokeEvent, OperationKind } from '../history.ts';
import type { Adapter, Answer, Encoding } from './adapter.ts';
import type { LatenessMeter } from './lateness.ts';
import { logicalValue } from './values.ts';

export interface PlannedOperation {
  readonly kind: OperationKind;
  /** Logical key; the history carries the physical one. */
  readonly key: string;
  /** What a write writes, in the history's words (see `logicalValue`); a function where it carries the operation's id. */
  readonly value?: string | ((op: number) => string);
  readonly durability?: Durability;
  readonly deadlineMs?: number;
  readonly batch?: number;
  readonly phase?: string;
  readonly send: (op: number) => Promise<Answer>;
  readonly onOk?: (answer: Answer) => void;
}

/** A key that the final read must look at. */
export interface WrittenKey {
  readonly key: string;
  readonly encoding: Encoding;
}

const WRITES: ReadonlySet<OperationKind> = new Set(['set', 'incr', 'append', 'getOrCompute']);

export interface Issuer {
  /** Sends now; returns when the operation is settled, never rejects. */
  issue(intendedUs: number, operation: PlannedOperation): Promise<void>;
  /** Remembers keys that are written outside of `set`, `incr`, `append` and `getOrCompute`. */
  remember(keys: readonly WrittenKey[]): void;
  readonly written: ReadonlyMap<string, Encoding>;
  /** Resolves when nothing is in flight, or after the bound. */
  drain(boundMs: number): Promise<void>;
  /** From now on completions are dropped: what is still in flight has an unknown outcome. */
  close(): void;
}

export interface IssuerOptions {
  readonly adapter: Adapter;
  readonly clock: Clock;
  readonly record: (event: HistoryEvent) => void;
  readonly lateness: LatenessMeter;
  readonly inFlightBound: number;
  /** Told of every write that Redis acknowledged. */
  readonly onAcknowledged?: (invoke: InvokeEvent) => void;
}

export function createIssuer(options: IssuerOptions): Issuer {
  const { adapter, clock, record, lateness } = options;
  const { client } = adapter;
  const written = new Map<string, Encoding>();
  let ops = 0;
  let inFlight = 0;
  let closed = false;
  let drained: (() => void) | undefined;

  const complete = (event: Omit<CompletionEvent, 'client' | 'atUs'>) => {
    if (!closed) record({ ...event, client, atUs: clock.nowUs() });
  };

  async function issue(intendedUs: number, operation: PlannedOperation): Promise<void> {
    if (closed) return;
    const { kind, send, onOk, key, value, ...rest } = operation;
    const op = ops++;
    const atUs = clock.nowUs();
    const invoke: InvokeEvent = {
      type: 'invoke',
      client,
      op,
      kind,
      key: adapter.physicalKey(key),
      ...(value !== undefined && { value: typeof value === 'string' ? value : value(op) }),
      ...rest,
      intendedUs,
      atUs,
    };
    record(invoke);
    lateness.sent(intendedUs, atUs);
    if (inFlight >= options.inFlightBound) {
      const message = `not sent: ${options.inFlightBound} operations already in flight`;
      complete({ type: 'fail', op, error: { code: 'IN_FLIGHT_BOUND', message } });
      return;
    }
    if (WRITES.has(kind)) written.set(invoke.key, encodingOf(kind, adapter));
    inFlight++;
    try {
      const answer = await send(op);
      complete({ type: 'ok', op, ...answer, ...logical(answer) });
      onOk?.(answer);
      if (answer.source === 'redis' && isWrite(kind) && !closed) options.onAcknowledged?.(invoke);
    } catch (error) {
      const { type, code, message } = adapter.failure(kind, error);
      complete({ type, op, error: { code, message } });
    } finally {
      inFlight--;
      if (inFlight === 0) drained?.();
    }
  }

  return {
    issue,
    written,
    remember(keys) {
      for (const { key, encoding } of keys) written.set(key, encoding);
    },
    async drain(boundMs) {
      if (inFlight === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      drained = resolve;
      const timer = setTimeout(resolve, boundMs);
      await promise;
      clearTimeout(timer);
    },
    close() {
      closed = true;
    },
  };
}

function isWrite(kind: OperationKind): boolean {
  return kind === 'set' || kind === 'incr' || kind === 'append' || kind === 'setMany';
}

function encodingOf(kind: OperationKind, adapter: Adapter): Encoding {
  return kind === 'incr' || kind === 'append' ? 'raw' : adapter.encoding;
}

function logical({ value }: Answer): Pick<Answer, 'value'> {
  return typeof value === 'string' ? { value: logicalValue(value) } : {};
}
