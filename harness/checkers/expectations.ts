/**
 * The expectations of scripted workloads: the workload recorded actual values; the checker compares them with the
 * expected ones. `held` is the share of expectations that held. Each expectation has its own figure, named by its id,
 * and `held.<group>` is the share among the expectations whose ids begin with `<group>/`.
 *
 * The drill declares every expectation. A missing expectation was not checked, and an undeclared one could go missing
 * unnoticed: in both cases the share is not measured, unless a recorded expectation did not hold.
 *
 * The drill also names the expectations that a slow machine alone can break (`timed`). The share of the others is
 * `untimed`.
 */
import { shorten } from '../evidence/excerpt.ts';
import type { ExpectationEvent, Json } from '../history/events.ts';
import type { Checker, Figure } from './checker.ts';
import { joinExamples, proportionFigure, unknownResult } from './history-queries.ts';

export const expectations: Checker = {
  id: 'expectations',
  proves: 'every step of the drill gives the expected result',
  check(history, { expected, timed = [] }) {
    const all = history.expectations;
    if (all.length === 0) return unknownResult('the drill recorded no expectation');
    const byId = Map.groupBy(all, ({ id }) => id);
    const figures: Record<string, Figure> = Object.fromEntries(
      [...byId].map(([id, same]) => [id, shareOf(same)]),
    );
    const unmeasured: Record<string, string> = {};
    const untimed: Record<string, Figure> = {};
    for (const name of ['held', ...groupsOf([...byId.keys(), ...(expected ?? [])])]) {
      const own = all.filter(({ id }) => belongsTo(name, id));
      const gap =
        expected &&
        gapOf(
          expected.filter((id) => belongsTo(name, id)),
          own,
        );
      if (gap === undefined || !own.every(isMet)) figures[name] = shareOf(own);
      else unmeasured[name] = gap;
      const others = own.filter(({ id }) => !timed.includes(id));
      if (others.length > 0) untimed[name] = shareOf(others);
    }
    const missed = all.filter((expectation) => !isMet(expectation));
    return {
      validity: missed.length > 0 ? 'invalid' : 'valid',
      reasons: [...groupsOf(missed.map(({ id }) => id)), 'held'].flatMap((name) =>
        reasonOf(
          name,
          missed.filter(({ id }) => belongsTo(name, id)),
        ),
      ),
      figures,
      untimed,
      ...(Object.keys(unmeasured).length > 0 && { unmeasured }),
    };
  },
};

const GROUP = 'held.';

/** Returns the figure names of the groups that occur in the ids. */
function groupsOf(ids: readonly string[]): readonly string[] {
  const groups = ids.flatMap((id) => (id.includes('/') ? [`${GROUP}${id.slice(0, id.indexOf('/'))}`] : []));
  return [...new Set(groups)];
}

function belongsTo(figure: string, id: string): boolean {
  return figure === 'held' || id.startsWith(`${figure.slice(GROUP.length)}/`);
}

function shareOf(some: readonly ExpectationEvent[]): Figure {
  return proportionFigure(some.filter(isMet).length, some.length);
}

/** Returns the reason why the recorded expectations differ from the declared ones; undefined if they match. */
function gapOf(declared: readonly string[], recorded: readonly ExpectationEvent[]): string | undefined {
  const ids = new Set(recorded.map(({ id }) => id));
  const missing = declared.filter((id) => !ids.has(id));
  if (missing.length > 0) {
    return `${missing.length} of ${declared.length} expectations were not recorded: ${joinExamples(missing)}`;
  }
  const known = new Set(declared);
  const undeclared = [...ids].filter((id) => !known.has(id));
  return undeclared.length === 0
    ? undefined
    : `${undeclared.length} expectations were recorded that the drill does not declare: ${joinExamples(undeclared)}`;
}

/** Returns the reason, prefixed with the figure's name so that each criterion can find the reasons for its group. */
function reasonOf(figure: string, missed: readonly ExpectationEvent[]): readonly string[] {
  if (missed.length === 0) return [];
  const described = missed.map(
    (one) =>
      `${one.id}: ${shorten(one.what)} (expected ${shorten(inWords(one))}, got ${shorten(jsonText(one.actual))})`,
  );
  return [`${figure}: ${joinExamples(described)}`];
}

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

/**
 * Whether the actual value matches the expected one. An order relation such as `<=` needs two numbers and never holds
 * for other values.
 */
export function isMet({ relation, expected, actual }: ExpectationEvent): boolean {
  if (relation === 'equals') return jsonText(actual) === jsonText(expected);
  if (typeof actual !== 'number' || typeof expected !== 'number' || !Object.hasOwn(COMPARE, relation))
    return false;
  return COMPARE[relation](actual, expected);
}

/** Formats the expected value with its relation: `<= 500 ms`. */
export function inWords({ relation, expected, unit }: ExpectationEvent): string {
  return `${WORDS[relation] ?? ''}${jsonText(expected)}${unit === undefined ? '' : ` ${unit}`}`;
}

/** Formats a value as JSON with sorted keys, so that equal values give the same text. */
export function jsonText(json: Json | undefined): string {
  return JSON.stringify(json ?? null, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
