/** Helpers for tests of trials: drills and environments with changes, and an independent check of expectations. */
import { machine } from '../../../harness/checkers/machine.ts';
import type { Drill } from '../../../harness/drills/drill.ts';
import { drills } from '../../../harness/drills/index.ts';
import { incompleteUnsoundness } from '../../../harness/gates/soundness.ts';
import type { ExpectationEvent, History } from '../../../harness/history/events.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { buildContext } from '../checkers/history-builders.ts';
import { BOUNDS } from '../gates/gate-builders.ts';

export function drillNamed(id: string, changes: Partial<Drill> = {}): Drill {
  const drill = drills.find((candidate) => candidate.id === id);
  if (drill === undefined) throw new Error(`there is no drill ${id}`);
  return { ...drill, ...changes };
}

/** Returns the environment with some members replaced. */
export function withMembers(environment: Environment, changes: Partial<Environment>): Environment {
  return new Proxy(environment, {
    get(target, name) {
      if (name in changes) return Reflect.get(changes, name);
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

export function isMet({ relation, expected, actual }: ExpectationEvent): boolean {
  const [e, a] = [Number(expected), Number(actual)];
  const relations = {
    equals: JSON.stringify(expected) === JSON.stringify(actual),
    'at-most': a <= e,
    'at-least': a >= e,
    below: a < e,
    above: a > e,
  };
  return relations[relation];
}

/**
 * Unmet expectations. If the samples of the trial show a slow machine, expectations that a slow machine alone can break
 * are excluded.
 */
export function unmetExpectations(drill: Drill, history: History): readonly ExpectationEvent[] {
  const unmet = history.expectations.filter((expectation) => !isMet(expectation));
  const sampled = machine.check(history, buildContext());
  const result = { ...sampled, checker: 'machine', drill: drill.id, trial: 1, client: 'kit' };
  const isBusy = incompleteUnsoundness(BOUNDS, { results: [result] }) !== undefined;
  return isBusy ? unmet.filter(({ id }) => !drill.timed?.includes(id)) : unmet;
}
