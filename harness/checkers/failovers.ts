/**
 * How often the master changed: what the sentinels published, each change once however many of them said it. Known only where the nodes
 * were looked at after the last fault: a trial that nobody watched to its end had no failover that anybody saw.
 */
import type { Checker } from './checker.ts';
import { faultSpans, unknown, value } from './selection.ts';

export const failovers: Checker = {
  id: 'failovers',
  proves: 'how often the master changed',
  check(history) {
    const lastUs = Math.max(0, ...faultSpans(history).map(({ fromUs, toUs }) => toUs ?? fromUs));
    const watched = history.observations.filter(
      ({ from, name, atUs }) => from === 'info' && name === 'sample' && atUs > lastUs,
    );
    if (watched.length === 0) return unknown('no node was looked at after the last fault');
    const changes = new Set(
      history.observations
        .filter(({ from, name }) => from === 'sentinel' && name === '+switch-master')
        .map(({ data }) => String(data?.message ?? '')),
    );
    return {
      validity: 'valid',
      reasons: changes.size === 0 ? [] : [`the master changed: ${[...changes].join('; ')}`],
      figures: { failovers: value(changes.size, 'failovers', watched.length) },
    };
  },
};
