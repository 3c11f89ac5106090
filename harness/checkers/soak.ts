/**
 * A long load: memory that grows with the number of operations is a leak.
 *
 * `leakBytesPerOperation` is the lower bound (97.5 %) on the growth of the client's heap per operation, measured after
 * garbage collection; a negative bound counts as 0. Compiled code and caches grow at the beginning, so the first third
 * of the samples is left out. `serverGrowthBytesPerOperation` is the same for the memory of the masters, which hold a
 * fixed set of keys. Growth that is neither proven nor excluded counts as not measured: in a short soak, noise hides a
 * leak.
 */
import type { ObservationEvent } from '../history/events.ts';
import { slopeBounds } from '../statistics/regression.ts';
import type { Checker, Figure } from './checker.ts';
import { definedFigures, unknownResult, valueFigure } from './history-queries.ts';
import { loadSteps } from './load-steps.ts';

/** Minimum number of samples after the first third of the load. */
const LEAST_SAMPLES = 6;

/** Growth in bytes per operation that a soak must be able to exclude: the target of its gates. */
const EXCLUDED_BYTES = 16;

/** Measures that must not grow, with the fields of a sample that add up to them. */
const GROWING: Readonly<Record<string, readonly string[]>> = {
  leakBytesPerOperation: ['heapBytes', 'externalBytes'],
  serverGrowthBytesPerOperation: ['usedBytes'],
};

export const soak: Checker = {
  id: 'soak',
  proves: 'the memory of neither the client nor the servers grows under a long load',
  check(history) {
    const samples = history.observations.filter(
      ({ from, name }) => from === 'workload' && name === 'soak-sample',
    );
    const settled = samples.slice(Math.ceil(samples.length / 3));
    if (settled.length < LEAST_SAMPLES) {
      const reason = `${settled.length} samples after the first third, at least ${LEAST_SAMPLES} needed`;
      return unknownResult(reason, { remedy: 'Run longer (--hours), so that there are more slices.' });
    }
    const growth = growthOf(settled);
    const highest = (name: string) => Math.max(...samples.map((sample) => numberOf(sample, name)));
    const maxmemory = highest('maxmemory');
    const hitRatios = loadSteps(history).flatMap(({ hits, reads }) => (reads === 0 ? [] : [hits / reads]));
    return {
      validity: 'valid',
      reasons: [],
      figures: definedFigures({
        ...growth.figures,
        fragmentedRatio:
          maxmemory > 0
            ? valueFigure(highest('fragmentedBytes') / maxmemory, 'ratio', samples.length)
            : undefined,
        lagSeconds: valueFigure(highest('lagSeconds'), 's', samples.length),
        hitRatio:
          hitRatios.length === 0 ? undefined : valueFigure(Math.min(...hitRatios), 'ratio', hitRatios.length),
      }),
      ...(Object.keys(growth.unmeasured).length > 0 && {
        unmeasured: growth.unmeasured,
        remedy: 'Run longer (--hours): the bounds narrow as the number of operations grows.',
      }),
    };
  },
};

/** Returns the lower bounds on the growth, and the reason for each measure without a conclusive result. */
function growthOf(settled: readonly ObservationEvent[]) {
  const figures: Record<string, Figure> = {};
  const unmeasured: Record<string, string> = {};
  const operations = numberOf(settled.at(-1), 'operations');
  for (const [figure, names] of Object.entries(GROWING)) {
    const bounds = slopeBounds(
      settled.map((sample) => ({
        x: numberOf(sample, 'operations'),
        y: names.reduce((sum, name) => sum + numberOf(sample, name), 0),
      })),
    );
    if (bounds === undefined) continue;
    const [lower, upper] = bounds;
    figures[figure] = valueFigure(Math.max(0, lower), 'bytes', operations);
    if (lower < EXCLUDED_BYTES && upper >= EXCLUDED_BYTES)
      unmeasured[figure] =
        `the growth is between ${Math.max(0, lower).toFixed(1)} and ${upper.toFixed(1)} bytes per operation: too noisy to exclude ${EXCLUDED_BYTES}`;
  }
  return { figures, unmeasured };
}

function numberOf(sample: ObservationEvent | undefined, name: string): number {
  const amount = sample?.data?.[name];
  return typeof amount === 'number' ? amount : 0;
}
