/** The highest share of `maxmemory` that any node used in any sample, and how many keys it evicted. */
import type { Checker } from './checker.ts';
import { counterGrowth, present, unknown, value } from './selection.ts';

export const memory: Checker = {
  id: 'memory',
  proves: 'memory stays below the limit, with room to spare',
  check(history) {
    const ratios = history.observations.flatMap(({ from, name, data }) => {
      const { usedMemory, maxmemory } = data ?? {};
      if (
        from !== 'info' ||
        name !== 'sample' ||
        typeof usedMemory !== 'number' ||
        typeof maxmemory !== 'number'
      )
        return [];
      return [maxmemory > 0 ? usedMemory / maxmemory : Number.NaN];
    });
    if (ratios.length === 0) return unknown('memory was never sampled');
    if (ratios.some(Number.isNaN)) {
      return {
        validity: 'invalid',
        reasons: ['a node has no maxmemory: it grows until the system kills it'],
        figures: {},
      };
    }
    const evictions = counterGrowth(history, 'evictedKeys');
    return {
      validity: 'valid',
      reasons: [],
      figures: present({
        usedRatio: value(Math.max(...ratios), 'ratio', ratios.length),
        evictions: evictions === undefined ? undefined : value(evictions, 'keys', ratios.length),
      }),
    };
  },
};
