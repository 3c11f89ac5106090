/**
 * The expectations of scripted workloads: the workload recorded what it saw, here it is compared with what was expected.
 * `held` is the share that held; each has a figure of its own as well, by its id.
 *
 * Where the drill names the expectations that must be there, one that is missing was not checked: what did hold is then not given
 * as the whole (no `held`), while what did not hold still is.
 */
import { shorten } from '../evidence/excerpt.ts';
import type { ExpectationEvent, Json } from '../history.ts';
import type { Checker, Figure } from './checker.ts';
import { examples, proportion, unknown } from './selection.ts';

export const expectations: Checker = {
  id: 'expectations',
  proves: 'what the drill expects at each of its steps is what was seen',
  check(history, { expected = [] }) {
    const all = history.expectations;
    if (all.length === 0) return unknown('the drill recorded no expectation');
    const missed = all.filter((expectation) => !holds(expectation));
    const byId = Map.groupBy(all, ({ id }) => id);
    const figures: Readonly<Record<string, Figure>> = Object.fromEntries(
      [...byId].map(([id, same]) => [id, proportion(same.filter(holds).length, same.length)]),
    );
    const described = missed.map(
      (one) =>
        `${one.id}: ${shorten(one.what)} (expected ${shorten(inWords(one))}, got ${shorten(text(one.actual))})`,
    );
    const unseen = expected.filter((id) => !byId.has(id));
    if (unseen.length > 0 && missed.length === 0) {
      return unknown(
        `${unseen.length} of ${expected.length} expectations were not recorded: ${examples(unseen)}`,
      );
    }
    return {
      validity: missed.length > 0 ? 'invalid' : 'valid',
      reasons: missed.length > 0 ? [examples(described)] : [],
      figures: { ...figures, held: proportion(all.length - missed.length, all.length) },
    };
  },
};

type Relation = ExpectationEvent['relation'];

const WORDS: Readonly<Record<Relation, string>> = {
  equals: '',
  'at-most': '<= ',
  'at-least': '>= ',
  below: '< ',
  above: '> ',
};

const COMPARE: Readonly<Record<Exclude<Relation, 'equals'>, (actual: number, expected: number) => boolean>> =
  {
    'at-most': (actual, expected) => actual <= expected,
    'at-least': (actual, expected) => actual >= expected,
    below: (actual, expected) => actual < expected,
    above: (actual, expected) => actual > expected,
  };

/** Whether what was seen is what was expected. Anything but two numbers never satisfies an order. */
export function holds({ relation, expected, actual }: ExpectationEvent): boolean {
  if (relation === 'equals') return text(actual) === text(expected);
  if (typeof actual !== 'number' || typeof expected !== 'number' || !Object.hasOwn(COMPARE, relation))
    return false;
  return COMPARE[relation](actual, expected);
}

/** The expected value with its relation: `<= 500 ms`. */
export function inWords({ relation, expected, unit }: ExpectationEvent): string {
  return `${WORDS[relation] ?? ''}${text(expected)}${unit === undefined ? '' : ` ${unit}`}`;
}

/** JSON with keys sorted, so that equal values have equal texts. */
export function text(json: Json | undefined): string {
  return JSON.stringify(json ?? null, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
