/**
 * Lateness of the load generator itself. A late generator measures the machine it runs on, so timing gates are then
 * INVALID. Correctness gates are still judged, because a lost write is lost even if it was sent late.
 */
import type { Checker } from './checker.ts';
import { definedFigures, unknownResult, valueFigure } from './history-queries.ts';

export const generator: Checker = {
  id: 'generator',
  proves: 'the generator kept its schedule, so the measured times are caused by Redis and the client',
  check(history, context) {
    const total = history.observations.findLast(
      (seen) => seen.from === 'workload' && seen.name === 'lateness-total' && seen.client === context.client,
    );
    const { p50Ms, p99Ms, maxMs, n } = total?.data ?? {};
    if (
      typeof p50Ms !== 'number' ||
      typeof p99Ms !== 'number' ||
      typeof maxMs !== 'number' ||
      typeof n !== 'number'
    ) {
      return unknownResult('the generator recorded no lateness');
    }
    return {
      validity: 'valid',
      reasons: [],
      figures: definedFigures({
        latenessP50Ms: valueFigure(p50Ms, 'ms', n),
        latenessP99Ms: valueFigure(p99Ms, 'ms', n),
        latenessMaxMs: valueFigure(maxMs, 'ms', n),
      }),
    };
  },
};
