/**
 * How often the master changed: what the sentinels published, each change once however many of them said it, or what the nodes
 * themselves said when they were looked at, whichever is more: a subscription may have missed it, and a cluster publishes nothing.
 * Known only where the nodes were looked at after the last fault: a trial that nobody watched to its end had no failover that
 * anybody saw.
 */
import type { ObservationEvent } from '../history.ts';
import type { Checker } from './checker.ts';
import { faultSpans, unknown, value } from './selection.ts';

export const failovers: Checker = {
  id: 'failovers',
  proves: 'how often the master changed',
  check(history) {
    const lastUs = Math.max(0, ...faultSpans(history).map(({ fromUs, toUs }) => toUs ?? fromUs));
    const samples = history.observations.filter(({ from, name }) => from === 'info' && name === 'sample');
    const watched = samples.filter(({ atUs }) => atUs > lastUs);
    if (watched.length === 0) return unknown('no node was looked at after the last fault');
    const told = new Set(
      history.observations
        .filter(({ from, name }) => from === 'sentinel' && name === '+switch-master')
        .map(({ data }) => String(data?.message ?? '')),
    );
    const promoted = promotedNodes(samples);
    const changes = Math.max(told.size, promoted.length);
    const said = told.size >= promoted.length ? [...told] : promoted.map((node) => `${node} became master`);
    return {
      validity: 'valid',
      reasons: changes === 0 ? [] : [`the master changed: ${said.join('; ')}`],
      figures: { failovers: value(changes, 'failovers', watched.length) },
    };
  },
};

/** Nodes that were replicas when they were looked at, and masters the next time. A master that hung and is back was one before. */
function promotedNodes(samples: readonly ObservationEvent[]): readonly string[] {
  const roles = new Map<string, unknown>();
  const promoted: string[] = [];
  for (const { node = '', data } of samples) {
    const before = roles.get(node);
    if (before !== undefined && before !== 'master' && data?.role === 'master') promoted.push(node);
    roles.set(node, data?.role);
  }
  return promoted;
}
