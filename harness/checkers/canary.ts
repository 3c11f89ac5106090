/**
 * Compares the error ratio of a healthy canary with that of its control, based on the requests that the workload itself
 * counted: the drill tests the canary judge, so the judge's own figures cannot be used.
 */
import type { ObservationEvent } from '../history/events.ts';
import type { Checker } from './checker.ts';
import { definedFigures, unknownResult, valueFigure } from './history-queries.ts';

export const canary: Checker = {
  id: 'canary',
  proves: 'a healthy canary has no higher error ratio than its control',
  check(history) {
    const marks = history.observations.filter(
      ({ from, name }) => from === 'workload' && name === 'canary-arms',
    );
    const sum = (name: string) => marks.reduce((total, mark) => total + countOf(mark, name), 0);
    const requests = { canary: sum('canaryRequests'), control: sum('controlRequests') };
    if (requests.canary === 0 || requests.control === 0) {
      return unknownResult(
        `${requests.canary} requests of the canary and ${requests.control} of the control were counted`,
      );
    }
    const ratios = {
      canary: sum('canaryFailures') / requests.canary,
      control: sum('controlFailures') / requests.control,
    };
    const delta = ratios.canary - ratios.control;
    const percent = (ratio: number) => `${(ratio * 100).toFixed(2)} %`;
    return {
      validity: 'valid',
      reasons:
        delta > 0
          ? [
              `canaryErrorDelta: errors of the canary ${percent(ratios.canary)}, of the control ${percent(ratios.control)}`,
            ]
          : [],
      figures: definedFigures({
        canaryErrorDelta: valueFigure(delta, 'ratio', requests.canary + requests.control),
      }),
    };
  },
};

function countOf(mark: ObservationEvent, name: string): number {
  const count = mark.data?.[name];
  return typeof count === 'number' ? count : 0;
}
