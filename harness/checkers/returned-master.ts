/**
 * Time for which a deposed master accepts writes after its return, measured by the drill's own writes to this node
 * (`returned`). A node that is master in the final read was not deposed.
 */
import { largestOf } from '../statistics/quantile.ts';
import type { Checker } from './checker.ts';
import { faultSpans, US_PER_MS, unknownResult, valueFigure } from './history-queries.ts';

export const returnedMaster: Checker = {
  id: 'returned-master',
  proves: 'a deposed master that returns accepts no writes',
  check(history) {
    const probes = history.observations.filter(({ from, name }) => from === 'drill' && name === 'returned');
    const masters = new Set(
      history.finals.filter(({ redisRole }) => redisRole === 'master').map(({ node }) => node),
    );
    if (masters.size === 0) return unknownResult('no final read of a master');
    const times = faultSpans(history).flatMap(({ node, toUs }) => {
      if (toUs === undefined || masters.has(node)) return [];
      const own = probes.filter((probe) => probe.node === node && probe.atUs >= toUs);
      if (own.length === 0) return [];
      const lastUs = own.findLast(({ data }) => data?.writable === true)?.atUs ?? toUs;
      return [{ node, ms: (lastUs - toUs) / US_PER_MS }];
    });
    if (times.length === 0) return unknownResult('no deposed master was observed to return');
    const writable = times.filter(({ ms }) => ms > 0);
    return {
      validity: 'valid',
      reasons: writable.map(
        ({ node, ms }) => `${node} accepted writes until ${Math.round(ms)} ms after its return`,
      ),
      figures: { writableMs: valueFigure(largestOf(times.map(({ ms }) => ms)), 'ms', times.length) },
    };
  },
};
