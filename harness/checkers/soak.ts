/**
 * A long load: what grows with the number of operations is a leak.
 *
 * `leakBytesPerOperation` is the lower bound (97.5 %) of the slope of the client's heap after garbage collection over its operations: below
 * 0 it counts as 0. Compiled code and caches fill in the beginning, so that the first third of the samples is left out.
 * `serverGrowthBytesPerOperation` is the same for the memory of the masters, whose catalogue is of a fixed size.
 */
import type { ObservationEvent } from '../history/events.ts';
import { slopeLowerBound } from '../statistics/regression.ts';
import type { Checker, Figure } from './checker.ts';
import { definedFigures, unknownResult, valueFigure } from './history-queries.ts';
import { loadSteps } from './load-steps.ts';

/** Samples after the first third. */
const LEAST_SAMPLES = 6;

export const soak: Checker = {
  id: 'soak',
  proves: 'neither the client nor the servers grow under a long load',
  check(history) {
    const samples = history.observations.filter(
      ({ from, name }) => from === 'workload' && name === 'soak-sample',
    );
    const settled = samples.slice(Math.ceil(samples.length / 3));
    if (settled.length < LEAST_SAMPLES) {
      const reason = `${settled.length} samples after the first third, at least ${LEAST_SAMPLES} needed`;
      return unknownResult(reason, { remedy: 'Run longer (--hours), so that there are more slices.' });
    }
    const operations = numberOf(settled.at(-1), 'operations');
    const growth = (names: readonly string[]): Figure | undefined => {
      const bound = slopeLowerBound(
        settled.map((sample) => ({
          x: numberOf(sample, 'operations'),
          y: names.reduce((sum, name) => sum + numberOf(sample, name), 0),
        })),
      );
      return bound === undefined ? undefined : valueFigure(Math.max(0, bound), 'bytes', operations);
    };
    const highest = (name: string) => Math.max(...samples.map((sample) => numberOf(sample, name)));
    const maxmemory = highest('maxmemory');
    const hitRatios = loadSteps(history).flatMap(({ hits, reads }) => (reads === 0 ? [] : [hits / reads]));
    return {
      validity: 'valid',
      reasons: [],
      figures: definedFigures({
        leakBytesPerOperation: growth(['heapBytes', 'externalBytes']),
        serverGrowthBytesPerOperation: growth(['usedBytes']),
        fragmentedRatio:
          maxmemory > 0
            ? valueFigure(highest('fragmentedBytes') / maxmemory, 'ratio', samples.length)
            : undefined,
        lagSeconds: valueFigure(highest('lagSeconds'), 's', samples.length),
        hitRatio:
          hitRatios.length === 0 ? undefined : valueFigure(Math.min(...hitRatios), 'ratio', hitRatios.length),
      }),
    };
  },
};

function numberOf(sample: ObservationEvent | undefined, name: string): number {
  const amount = sample?.data?.[name];
  return typeof amount === 'number' ? amount : 0;
}
