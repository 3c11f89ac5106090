/**
 * The highest share of `maxmemory` that any node used in any sample, and the number of evicted keys. A node whose
 * samples lack either number was not measured: an absent number is not 0. `maxmemory` 0 means no limit: in that case
 * there is no share, but the number of evicted keys is still a figure.
 */
import { largestOf } from '../statistics/quantile.ts';
import type { Checker } from './checker.ts';
import {
  counterGrowth,
  definedFigures,
  joinExamples,
  unknownResult,
  valueFigure,
} from './history-queries.ts';

const NO_LIMIT =
  'usedRatio: a node has no maxmemory, so there is no ratio to report; its memory grows until the operating system kills it';

export const memory: Checker = {
  id: 'memory',
  proves: 'memory stays below the limit with headroom',
  check(history) {
    const samples = history.observations.filter(({ from, name }) => from === 'info' && name === 'sample');
    const measured = new Set<string | undefined>();
    const ratios = samples.flatMap(({ node, data }) => {
      const { usedMemory, maxmemory } = data ?? {};
      if (typeof usedMemory !== 'number' || typeof maxmemory !== 'number') return [];
      measured.add(node);
      return [maxmemory > 0 ? usedMemory / maxmemory : Number.NaN];
    });
    if (ratios.length === 0) return unknownResult('memory was never sampled');
    const silent = new Set(samples.map(({ node }) => node).filter((node) => !measured.has(node)));
    if (silent.size > 0) {
      const nodes = joinExamples([...silent].map((node) => node ?? 'a node without a name'));
      return unknownResult(`used_memory and maxmemory are not in the INFO of ${nodes}`, {
        remedy: "Allow the kit's user to run INFO with all sections, and run again.",
      });
    }
    const hasLimit = !ratios.some(Number.isNaN);
    const evictions = counterGrowth(history, 'evictedKeys');
    return {
      validity: 'valid',
      reasons: hasLimit ? [] : [NO_LIMIT],
      ...(!hasLimit && {
        remedy: 'Set maxmemory on every node, or waive this criterion.',
      }),
      figures: definedFigures({
        usedRatio: hasLimit ? valueFigure(largestOf(ratios), 'ratio', ratios.length) : undefined,
        evictions: evictions === undefined ? undefined : valueFigure(evictions, 'keys', ratios.length),
      }),
    };
  },
};
