/**
 * Behaviour of a client that is cut off from the master (`cut-clients`), based on the operations that began after the
 * fault was injected and before it was healed.
 *
 *   overdue           operations that took longer than their deadline plus a tolerance, or never ended. The deadline is
 *                     the command timeout; for a durable write, the time to wait for replicas is added
 *   fallbackAnswered  share of answered operations among those that the memory fallback serves (reads, async cache
 *                     writes, computed values)
 *   othersFailed      operations of other clients that did not succeed: they still reach the master
 */
import type { Operation, OperationList } from '../history/events.ts';
import type { CheckContext, Checker } from './checker.ts';
import {
  definedFigures,
  faultSpans,
  joinExamples,
  kindOf,
  operationsOf,
  proportionFigure,
  unknownResult,
  valueFigure,
  wasSent,
} from './history-queries.ts';

const FAULT = 'cut-clients';
/** Tolerance in ms for timers and the event loop, in addition to the deadline. */
const MOMENT_MS = 50;
/**
 * Kinds that can be served from memory. INCR and APPEND are sent as raw commands without a fallback; a durable write
 * needs Redis.
 */
const SERVED_FROM_MEMORY: ReadonlySet<string> = new Set(['get', 'set', 'getOrCompute']);

export const cutOffClient: Checker = {
  id: 'cut-off-client',
  proves: 'an isolated client meets its deadlines and is served from memory; other clients are not affected',
  check(history, context) {
    const span = faultSpans(history).find(({ fault, observed }) => fault === FAULT && observed);
    if (span?.toUs === undefined) return unknownResult('no client was cut off from the master and returned');
    const { fromUs, toUs } = span;
    const isDuring = ({ invoke }: Operation) => invoke.intendedUs > fromUs && invoke.intendedUs < toUs;
    const own = operationsOf(history, context.client).filter((each) => isDuring(each) && wasSent(each));
    const others = history.operations.filter(
      (each) => isDuring(each) && each.invoke.client !== context.client,
    );
    // If the cut has no effect, the trial proves nothing.
    const served = own.filter(
      ({ outcome, completion }) =>
        outcome === 'ok' && completion?.source === 'redis' && completion.atUs < toUs,
    );
    if (served.length > 0)
      return unknownResult(`Redis served ${served.length} operations of the client that was cut off`);
    const overdue = own.filter(
      (each) => (each.latencyMs ?? Number.POSITIVE_INFINITY) > deadlineMs(each, context),
    );
    const inMemory = own.filter((each) => SERVED_FROM_MEMORY.has(kindOf(each)));
    const unanswered = inMemory.filter(({ outcome }) => outcome !== 'ok');
    const othersFailed = others.filter(({ outcome }) => outcome !== 'ok');
    const flaws = [
      ...flaw(overdue, 'operations past their deadline'),
      ...flaw(unanswered, 'operations without an answer from memory'),
      ...flaw(othersFailed, 'operations of other clients failed'),
    ];
    return {
      validity: flaws.length > 0 ? 'invalid' : 'valid',
      reasons: flaws,
      figures: definedFigures({
        overdue: valueFigure(overdue.length, 'operations', own.length),
        fallbackAnswered: proportionFigure(inMemory.length - unanswered.length, inMemory.length),
        othersFailed: valueFigure(othersFailed.length, 'operations', others.length),
      }),
    };
  },
};

function deadlineMs({ invoke }: Operation, { environment }: CheckContext): number {
  const replicasMs = typeof invoke.durability === 'object' ? invoke.durability.timeoutMs : 0;
  return environment.client.commandTimeoutMs + replicasMs + MOMENT_MS;
}

function flaw(operations: OperationList, what: string): readonly string[] {
  if (operations.length === 0) return [];
  const examples = joinExamples(
    operations,
    ({ invoke, latencyMs }) =>
      `${invoke.kind} ${invoke.key} (${latencyMs === undefined ? 'no end' : `${Math.round(latencyMs)} ms`})`,
  );
  return [`${operations.length} ${what}: ${examples}`];
}
