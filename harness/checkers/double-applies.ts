/**
 * Operations that are not idempotent, applied more than once: an INCR on a key of its own that ends above 1, an APPEND whose
 * tag stands twice. Those of unknown outcome are the ones to watch: a client that repeats them silently applies them twice.
 *
 * The other lie is counted too: an operation reported as certainly not applied whose effect is there.
 */
import type { Operation } from '../history.ts';
import type { Checker } from './checker.ts';
import { FinalState } from './final-state.ts';
import { examples, finalMaster, operationsOf, present, unknown, value } from './selection.ts';

export const doubleApplies: Checker = {
  id: 'double-applies',
  proves: 'nothing is applied twice, and nothing that was reported as not applied is applied',
  check(history, context) {
    const operations = operationsOf(history, context.client);
    const tagged = operations.filter(({ invoke }) => invoke.kind === 'incr' || invoke.kind === 'append');
    if (tagged.length === 0) return unknown('no INCR and no APPEND in the workload');
    const final = finalMaster(history);
    if (final.kind === 'none') return unknown('no final read of a master');
    if (final.kind === 'several') {
      return {
        validity: 'invalid',
        reasons: [`several masters after the heal: ${final.nodes.join(', ')}`],
        figures: {},
      };
    }
    const state = new FinalState(final.entries, operations);
    const sent = tagged.filter((operation) => operation.completion?.error?.code !== 'IN_FLIGHT_BOUND');
    const unread = sent.filter((operation) => state.effectOf(operation) === 'not-read');
    if (unread.length > 0) {
      return unknown(
        `${unread.length} keys were not read back: ${examples(unread.map(({ invoke }) => invoke.key))}`,
      );
    }
    const doubled = sent.filter((operation) => timesApplied(operation, state) > 1);
    const judged = operations.filter(
      ({ invoke }) => invoke.kind === 'set' || invoke.kind === 'incr' || invoke.kind === 'append',
    );
    const denied = judged.filter((operation) => operation.outcome === 'fail' && isApplied(operation, state));
    const reasons = [
      ...(doubled.length > 0 ? [`${doubled.length} applied twice: ${names(doubled)}`] : []),
      ...(denied.length > 0 ? [`${denied.length} reported as not applied, yet there: ${names(denied)}`] : []),
    ];
    return {
      validity: reasons.length > 0 ? 'invalid' : 'valid',
      reasons,
      figures: present({
        tagged: value(sent.length, 'operations', sent.length),
        doubleApplied: value(doubled.length, 'operations', sent.length),
        failedButApplied: value(denied.length, 'operations', judged.length),
      }),
    };
  },
};

function timesApplied(operation: Operation, state: FinalState): number {
  if (operation.invoke.kind === 'append') return state.tagCount(operation);
  if (!state.isOnlyWriter(operation)) return 1;
  // The reply counts as well: the doubled value may be lost again by the time of the final read.
  return Math.max(Number(state.finalOf(operation) ?? 0), Number(operation.completion?.value ?? 0));
}

/** Whether the effect can only be this operation's. */
function isApplied(operation: Operation, state: FinalState): boolean {
  const final = state.finalOf(operation);
  if (final === null || final === undefined) return false;
  if (operation.invoke.kind === 'append') return state.tagCount(operation) > 0;
  return (
    state.isOnlyWriter(operation) && (operation.invoke.kind === 'incr' || final === operation.invoke.value)
  );
}

function names(operations: readonly Operation[]): string {
  return examples(operations.map(({ invoke }) => `${invoke.kind} ${invoke.key}`));
}
