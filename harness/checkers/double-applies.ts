/**
 * Finds operations that are not idempotent and were applied more than once: an INCR on its own key whose final value is
 * above 1, an APPEND whose tag occurs twice. Operations with an unknown outcome matter most: a client that silently
 * repeats them applies them twice.
 *
 * The opposite error is counted too: an operation that was reported as certainly not applied, but whose effect is
 * present.
 *
 * Only exposed operations count as evidence: those in flight when a fault was injected, or sent before the client
 * detected it. `exposed…` counts only those; `lostAnswersUnknown`: of the applied operations that were not answered,
 * the share that was reported as unknown.
 */
import type { History, Operation, OperationList } from '../history/events.ts';
import type { Checker } from './checker.ts';
import { FinalState } from './final-state.ts';
import {
  definedFigures,
  faultSpans,
  finalMaster,
  joinExamples,
  nameOfOperation,
  operationsOf,
  proportionFigure,
  type SpanUs,
  unknownResult,
  valueFigure,
  withoutFinalRead,
} from './history-queries.ts';

/** Events by which a client reports that it considers its connection lost. */
const NOTICED: ReadonlySet<string> = new Set(['suspect', 'lost', 'close']);

export const doubleApplies: Checker = {
  id: 'double-applies',
  proves: 'no operation is applied twice, and no operation reported as not applied is applied',
  check(history, context) {
    const operations = operationsOf(history, context.client);
    const tagged = operations.filter(({ invoke }) => invoke.kind === 'incr' || invoke.kind === 'append');
    if (tagged.length === 0) return unknownResult('no INCR and no APPEND in the workload');
    const final = finalMaster(history);
    if (final.kind !== 'read') return withoutFinalRead(final);
    const state = new FinalState(history, final.entries, operations);
    const sent = tagged.filter((operation) => operation.completion?.error?.code !== 'IN_FLIGHT_BOUND');
    const unread = sent.filter((operation) => state.effectOf(operation) === 'not-read');
    if (unread.length > 0) {
      return unknownResult(
        `${unread.length} keys were not read back: ${joinExamples(unread, ({ invoke }) => invoke.key)}`,
      );
    }
    const garbled = sent.filter((operation) => !isCounter(operation, state));
    if (garbled.length > 0)
      return unknownResult(`${garbled.length} counters do not contain a number: ${operationNames(garbled)}`);
    const doubled = sent.filter((operation) => timesApplied(operation, state) > 1);
    const judged = operations.filter(
      ({ invoke }) => invoke.kind === 'set' || invoke.kind === 'incr' || invoke.kind === 'append',
    );
    const denied = judged.filter((operation) => operation.outcome === 'fail' && isApplied(operation, state));
    const spans = exposingSpans(history, context.client);
    const exposed = sent.filter((operation) => wasExposed(operation, spans));
    const unanswered = sent.filter((operation) => operation.outcome !== 'ok' && isApplied(operation, state));
    const admitted = unanswered.filter(({ outcome }) => outcome === 'info');
    const reasons = [
      ...(doubled.length > 0 ? [`${doubled.length} applied twice: ${operationNames(doubled)}`] : []),
      ...(denied.length > 0
        ? [`${denied.length} reported as not applied, but present: ${operationNames(denied)}`]
        : []),
    ];
    return {
      validity: reasons.length > 0 ? 'invalid' : 'valid',
      reasons,
      figures: {
        ...definedFigures({
          tagged: valueFigure(sent.length, 'operations', sent.length),
          doubleApplied: valueFigure(doubled.length, 'operations', sent.length),
          failedButApplied: valueFigure(denied.length, 'operations', judged.length),
          lostAnswersUnknown: proportionFigure(admitted.length, unanswered.length),
        }),
        // Also reported if no operation was exposed: this is a result, not a missing figure.
        exposedDoubleApplied: valueFigure(
          doubled.filter((operation) => wasExposed(operation, spans)).length,
          'operations',
          exposed.length,
        ),
      },
    };
  },
};

/**
 * Returns the spans from the request of a fault until the client detected the fault (and held back later requests), or
 * until the fault was healed. On a busy machine, the client can detect the fault before its injection is observed.
 */
function exposingSpans(history: History, client: string): readonly SpanUs[] {
  const noticed = history.observations.filter(
    (seen) => seen.from === 'client' && seen.client === client && NOTICED.has(seen.name),
  );
  return faultSpans(history).map(({ askedUs, fromUs, toUs }) => {
    const first = noticed.find(({ atUs }) => atUs >= askedUs)?.atUs ?? Number.POSITIVE_INFINITY;
    return { startUs: askedUs, endUs: Math.min(first, toUs ?? fromUs) };
  });
}

/** Whether the operation may have been applied: it was sent, and was unanswered for part of a span. */
function wasExposed({ invoke, completion, outcome }: Operation, spans: readonly SpanUs[]): boolean {
  if (outcome === 'fail') return false;
  const sentUs = invoke.atUs;
  const doneUs = completion?.atUs ?? Number.POSITIVE_INFINITY;
  return spans.some(({ startUs, endUs }) => sentUs <= endUs && doneUs >= startUs);
}

/**
 * Whether the final value and the answer of an INCR are integers. Anything else cannot be counted and never counts as
 * "once".
 */
function isCounter(operation: Operation, state: FinalState): boolean {
  if (operation.invoke.kind !== 'incr') return true;
  return [state.finalOf(operation), operation.completion?.value].every(
    (text) => text === null || text === undefined || /^-?\d{1,19}$/.test(text),
  );
}

function timesApplied(operation: Operation, state: FinalState): number {
  if (operation.invoke.kind === 'append') return state.tagCount(operation);
  if (!state.isOnlyWriter(operation)) return 1;
  // The reply is checked as well, because the doubled value may be lost again before the final read.
  return Math.max(Number(state.finalOf(operation) ?? 0), Number(operation.completion?.value ?? 0));
}

/** Whether the effect is present and no other operation can have caused it. */
function isApplied(operation: Operation, state: FinalState): boolean {
  const final = state.finalOf(operation);
  if (final === null || final === undefined) return false;
  if (operation.invoke.kind === 'append') return state.tagCount(operation) > 0;
  return (
    state.isOnlyWriter(operation) && (operation.invoke.kind === 'incr' || final === operation.invoke.value)
  );
}

function operationNames(operations: OperationList): string {
  return joinExamples(operations, nameOfOperation);
}
