/**
 * The share of *scheduled* operations that were good: answered, with a right value, within the caller's deadline. What was
 * not sent, refused, unanswered, late or wrong is not good.
 *
 * A miss is a right answer of a cache; a value is right where it is one that was written to its key, or, for `getOrCompute`, what
 * the loader gives. `errors` is the share that did not complete as ok, whatever the value.
 */
import type { Operation } from '../history.ts';
import type { Checker } from './checker.ts';
import { examples, measuredOperations, operationsOf, present, proportion, unknown } from './selection.ts';

export const availability: Checker = {
  id: 'availability',
  proves: 'which share of the scheduled operations got the right answer within its deadline',
  check(history, context) {
    const scheduled = measuredOperations(history, context.client);
    if (scheduled.length === 0) return unknown('no operation was scheduled in the measured window');
    const written = valuesByKey(operationsOf(history, context.client));
    const bad = scheduled.filter((operation) => flawOf(operation, written) !== undefined);
    const wrong = bad.filter((operation) => flawOf(operation, written) === 'wrong');
    const errors = scheduled.filter((operation) => operation.outcome !== 'ok');
    const computed = scheduled.filter(({ invoke }) => invoke.kind === 'getOrCompute');
    const computedBad = bad.filter(({ invoke }) => invoke.kind === 'getOrCompute');
    const described = bad.map((op) => `${op.invoke.kind} ${op.invoke.key} (${flawOf(op, written)})`);
    return {
      validity: wrong.length > 0 ? 'invalid' : 'valid',
      reasons:
        bad.length > 0 ? [`${bad.length} of ${scheduled.length} not good: ${examples(described)}`] : [],
      figures: present({
        answered: proportion(scheduled.length - bad.length, scheduled.length),
        getOrComputeAnswered: proportion(computed.length - computedBad.length, computed.length),
        errors: proportion(errors.length, scheduled.length),
        rightValues: proportion(scheduled.length - wrong.length, scheduled.length),
      }),
    };
  },
};

type Flaw = 'no answer' | 'late' | 'wrong';

function flawOf(
  { invoke, completion, outcome, latencyMs }: Operation,
  written: ReadonlyMap<string, ReadonlySet<string>>,
) {
  if (outcome !== 'ok') return 'no answer' satisfies Flaw;
  if (isWrong(invoke.kind, completion?.value, written.get(invoke.key))) return 'wrong' satisfies Flaw;
  const deadlineMs = invoke.deadlineMs ?? Number.POSITIVE_INFINITY;
  return (latencyMs ?? Number.POSITIVE_INFINITY) > deadlineMs ? ('late' satisfies Flaw) : undefined;
}

function isWrong(
  kind: Operation['invoke']['kind'],
  answer: string | null | undefined,
  right: ReadonlySet<string> | undefined,
): boolean {
  if (kind !== 'get' && kind !== 'getOrCompute') return false;
  if (answer === null || answer === undefined) return kind === 'getOrCompute';
  return right !== undefined && !right.has(answer);
}

function valuesByKey(operations: readonly Operation[]): ReadonlyMap<string, ReadonlySet<string>> {
  const values = new Map<string, Set<string>>();
  for (const { invoke } of operations) {
    if (invoke.value === undefined || (invoke.kind !== 'set' && invoke.kind !== 'getOrCompute')) continue;
    const known = values.get(invoke.key);
    if (known === undefined) values.set(invoke.key, new Set([invoke.value]));
    else known.add(invoke.value);
  }
  return values;
}
