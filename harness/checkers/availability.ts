/**
 * The share of *scheduled* operations that were good: answered with a correct value within the caller's deadline. An
 * operation that was not sent, refused, unanswered, late or wrong is not good.
 *
 * A miss is a correct answer of a cache. A value is correct if it was written to its key in this trial (keys carry the
 * trial's name, so that a key without a write has no value) or, for `getOrCompute`, if the loader returned it. `errors`
 * is the share that did not complete as ok, regardless of the value.
 *
 * Without a fault an answer of the memory fallback is not good and counts as an error: Redis was reachable and did not
 * serve. Under a fault such an answer is good: that is the purpose of the fallback.
 *
 * If the deadline of an operation is not recorded, the operation cannot be proven to be in time: then the share is not
 * measured. Under a fault only computed values have a deadline.
 *
 * A batch is judged key by key: one value that was never written to its key, or an answer of another length, is wrong.
 */
import type { Operation } from '../history/events.ts';
import type { Checker } from './checker.ts';
import {
  definedFigures,
  isFaultless,
  joinExamples,
  measuredOperations,
  operationsOf,
  proportionFigure,
  servedByRedis,
  unknownResult,
} from './history-queries.ts';

export const availability: Checker = {
  id: 'availability',
  proves: 'the share of scheduled operations with a correct answer within the deadline',
  check(history, context) {
    const scheduled = measuredOperations(history, context.client);
    if (scheduled.length === 0) return unknownResult('no operation was scheduled in the measured window');
    const written = valuesByKey(operationsOf(history, context.client));
    const fallback = isFaultless(history) ? 'bad' : 'good';
    const flawed = scheduled.map((operation) => [operation, flawOf(operation, written, fallback)] as const);
    const bad = flawed.filter(([, flaw]) => flaw !== undefined);
    const wrong = flawed.filter(([, flaw]) => flaw === 'wrong');
    const errors = scheduled.filter(
      (operation) => operation.outcome !== 'ok' || (fallback === 'bad' && !servedByRedis(operation)),
    );
    const computed = scheduled.filter(({ invoke }) => invoke.kind === 'getOrCompute');
    const computedBad = bad.filter(([{ invoke }]) => invoke.kind === 'getOrCompute');
    const inBatches = scheduled.map((operation) => comparedValues(operation, written));
    const described = bad.map(([{ invoke }, flaw]) => `${invoke.kind} ${invoke.key} (${flaw})`);
    return {
      validity: wrong.length > 0 ? 'invalid' : 'valid',
      reasons:
        bad.length > 0 ? [`${bad.length} of ${scheduled.length} not good: ${joinExamples(described)}`] : [],
      figures: definedFigures({
        answered: proportionFigure(scheduled.length - bad.length, scheduled.length),
        getOrComputeAnswered: proportionFigure(computed.length - computedBad.length, computed.length),
        errors: proportionFigure(errors.length, scheduled.length),
        rightValues: proportionFigure(scheduled.length - wrong.length, scheduled.length),
        rightBatchValues: proportionFigure(sumOf(inBatches, 'right'), sumOf(inBatches, 'compared')),
      }),
      unmeasured: {
        ...withoutDeadline('answered', isFaultless(history) ? scheduled : computed),
        ...withoutDeadline('getOrComputeAnswered', computed),
      },
    };
  },
};

/** Returns the reason why a figure that counts answers in time is not measured: some operations have no deadline. */
function withoutDeadline(figure: string, operations: readonly Operation[]): Readonly<Record<string, string>> {
  const unbounded = operations.filter(({ invoke }) => invoke.deadlineMs === undefined);
  if (unbounded.length === 0) return {};
  const described = joinExamples(unbounded.map(({ invoke }) => `${invoke.kind} ${invoke.key}`));
  return { [figure]: `no deadline is recorded for ${unbounded.length} operations: ${described}` };
}

type Flaw = 'no answer' | 'late' | 'wrong' | 'not from Redis';

function flawOf(
  operation: Operation,
  written: ReadonlyMap<string, ReadonlySet<string>>,
  fallback: 'good' | 'bad',
): Flaw | undefined {
  const { invoke, completion, outcome, latencyMs } = operation;
  if (outcome !== 'ok') return 'no answer';
  if (isWrong(invoke.kind, completion?.value, written.get(invoke.key))) return 'wrong';
  const { compared, right } = comparedValues(operation, written);
  if (right < compared) return 'wrong';
  if (fallback === 'bad' && !servedByRedis(operation)) return 'not from Redis';
  const deadlineMs = invoke.deadlineMs ?? Number.POSITIVE_INFINITY;
  return (latencyMs ?? Number.POSITIVE_INFINITY) > deadlineMs ? 'late' : undefined;
}

function isWrong(
  kind: Operation['invoke']['kind'],
  answer: string | null | undefined,
  right: ReadonlySet<string> | undefined,
): boolean {
  if (kind !== 'get' && kind !== 'getOrCompute') return false;
  if (answer === null || answer === undefined) return kind === 'getOrCompute';
  return right?.has(answer) !== true;
}

/** Counts the answered keys of a batch read, and how many of them have a correct value. A miss is correct. */
function comparedValues(
  { invoke, completion, outcome }: Operation,
  written: ReadonlyMap<string, ReadonlySet<string>>,
): { readonly compared: number; readonly right: number } {
  const { keys } = invoke;
  if (invoke.kind !== 'getMany' || keys === undefined || outcome !== 'ok') return { compared: 0, right: 0 };
  const values = completion?.values ?? [];
  if (values.length !== keys.length) return { compared: keys.length, right: 0 };
  const isRight = (key: string, i: number) => {
    const value = values[i] ?? null;
    return value === null || written.get(key)?.has(value) === true;
  };
  return { compared: keys.length, right: keys.filter(isRight).length };
}

function sumOf(all: readonly ReturnType<typeof comparedValues>[], what: 'compared' | 'right'): number {
  return all.reduce((sum, each) => sum + each[what], 0);
}

function valuesByKey(operations: readonly Operation[]): ReadonlyMap<string, ReadonlySet<string>> {
  const values = new Map<string, Set<string>>();
  const addValue = (key: string, value: string) => {
    const known = values.get(key);
    if (known === undefined) values.set(key, new Set([value]));
    else known.add(value);
  };
  for (const { invoke } of operations) {
    const { kind, key, value, keys = [] } = invoke;
    if (value !== undefined && (kind === 'set' || kind === 'getOrCompute')) addValue(key, value);
    if (kind !== 'setMany') continue;
    for (const [i, each] of keys.entries()) {
      const batchValue = invoke.values?.[i];
      if (batchValue !== undefined) addValue(each, batchValue);
    }
  }
  return values;
}
