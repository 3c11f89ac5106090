/**
 * The share of *scheduled* operations that were good: answered with a correct value within the caller's deadline. An
 * operation that was refused, unanswered, late, wrong or never sent is not good.
 *
 * A miss is a correct answer from a cache. A value is correct if it was written to its key in this trial (keys carry
 * the trial's name, so a key without a write has no value) or, for `getOrCompute`, if the loader returned it. `errors`
 * is the share of operations that did not complete as ok, regardless of the value.
 *
 * Without a fault, an answer from the memory fallback is not good and counts as an error: Redis was reachable and did
 * not serve. Under a fault such an answer is good: that is the purpose of the fallback.
 *
 * If the deadline of an operation is not recorded, the operation cannot be proven to have been in time, and the share
 * is not measured. Under a fault only computed values have a deadline.
 *
 * A batch is judged key by key. It is wrong if any value was never written to its key, or if the number of values
 * differs from the number of keys.
 */
import type { Operation, OperationList } from '../history/events.ts';
import type { Checker } from './checker.ts';
import {
  definedFigures,
  isFaultless,
  joinExamples,
  measuredOperations,
  nameOfOperation,
  operationsOf,
  proportionFigure,
  servedByRedis,
  unknownResult,
} from './history-queries.ts';
import { WrittenValues } from './written-values.ts';

export const availability: Checker = {
  id: 'availability',
  proves: 'the share of scheduled operations with a correct answer within the deadline',
  check(history, context) {
    const scheduled = measuredOperations(history, context.client);
    if (scheduled.length === 0) return unknownResult('no operation was scheduled in the measured window');
    const written = new WrittenValues(history, operationsOf(history, context.client));
    const fallback = isFaultless(history) ? 'bad' : 'good';
    const isBad = (operation: Operation) => flawOf(operation, written, fallback) !== undefined;
    const bad = scheduled.filter(isBad);
    const wrong = bad.filter((operation) => flawOf(operation, written, fallback) === 'wrong');
    const errors = scheduled.filter(
      (operation) => operation.outcome !== 'ok' || (fallback === 'bad' && !servedByRedis(operation)),
    );
    const computed = scheduled.filter(({ invoke }) => invoke.kind === 'getOrCompute');
    const computedBad = bad.filter(({ invoke }) => invoke.kind === 'getOrCompute');
    const batches = compareBatches(scheduled, written);
    const describe = (operation: Operation) =>
      `${nameOfOperation(operation)} (${flawOf(operation, written, fallback)})`;
    return {
      validity: wrong.length > 0 ? 'invalid' : 'valid',
      reasons:
        bad.length > 0
          ? [`${bad.length} of ${scheduled.length} not good: ${joinExamples(bad, describe)}`]
          : [],
      figures: definedFigures({
        answered: proportionFigure(scheduled.length - bad.length, scheduled.length),
        getOrComputeAnswered: proportionFigure(computed.length - computedBad.length, computed.length),
        errors: proportionFigure(errors.length, scheduled.length),
        rightValues: proportionFigure(scheduled.length - wrong.length, scheduled.length),
        rightBatchValues: proportionFigure(batches.right, batches.compared),
      }),
      unmeasured: {
        ...withoutDeadline('answered', isFaultless(history) ? scheduled : computed),
        ...withoutDeadline('getOrComputeAnswered', computed),
      },
    };
  },
};

/** Returns the reason why a figure that depends on deadlines is not measured: some operations have no deadline. */
function withoutDeadline(figure: string, operations: OperationList): Readonly<Record<string, string>> {
  const unbounded = operations.filter(({ invoke }) => invoke.deadlineMs === undefined);
  if (unbounded.length === 0) return {};
  const described = joinExamples(unbounded, nameOfOperation);
  return { [figure]: `no deadline is recorded for ${unbounded.length} operations: ${described}` };
}

type Flaw = 'no answer' | 'late' | 'wrong' | 'not from Redis';

function flawOf(operation: Operation, written: WrittenValues, fallback: 'good' | 'bad'): Flaw | undefined {
  const { invoke, outcome, latencyMs } = operation;
  if (outcome !== 'ok') return 'no answer';
  if (isWrong(operation, written)) return 'wrong';
  const { compared, right } = comparedValues(operation, written);
  if (right < compared) return 'wrong';
  if (fallback === 'bad' && !servedByRedis(operation)) return 'not from Redis';
  const deadlineMs = invoke.deadlineMs ?? Number.POSITIVE_INFINITY;
  return (latencyMs ?? Number.POSITIVE_INFINITY) > deadlineMs ? 'late' : undefined;
}

function isWrong(
  { invoke: { kind }, keyNumber, answerNumber, hasAnswer }: Operation,
  written: WrittenValues,
): boolean {
  if (kind !== 'get' && kind !== 'getOrCompute') return false;
  if (!hasAnswer) return kind === 'getOrCompute';
  return !written.has(keyNumber, answerNumber);
}

/** Counts the answered keys of a batch read, and how many of them have a correct value. A miss is correct. */
function comparedValues(
  { invoke, completion, outcome }: Operation,
  written: WrittenValues,
): { readonly compared: number; readonly right: number } {
  const keys = invoke.kind === 'getMany' && outcome === 'ok' ? invoke.keys : undefined;
  if (keys === undefined) return { compared: 0, right: 0 };
  const values = completion?.values ?? [];
  if (values.length !== keys.length) return { compared: keys.length, right: 0 };
  const isRight = (key: string, i: number) => {
    const value = values[i] ?? null;
    return value === null || written.hasText(key, value);
  };
  return { compared: keys.length, right: keys.filter(isRight).length };
}

/** Sums the comparisons of all batch reads. */
function compareBatches(
  operations: OperationList,
  written: WrittenValues,
): ReturnType<typeof comparedValues> {
  let [compared, right] = [0, 0];
  for (const operation of operations) {
    const counts = comparedValues(operation, written);
    compared += counts.compared;
    right += counts.right;
  }
  return { compared, right };
}
