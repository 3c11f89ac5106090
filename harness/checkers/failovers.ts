/**
 * Counts the changes of master: those that the sentinels published, each once however many sentinels reported it, or
 * those that the samples of the nodes' roles show, whichever is more: a subscription may have missed a change, and a
 * cluster publishes none. Measured only if the nodes were sampled after the last fault: a trial that was not observed
 * to its end cannot show that there was no failover.
 */
import type { ObservationEvent } from '../history/events.ts';
import type { Checker } from './checker.ts';
import { faultSpans, unknown, value } from './history-queries.ts';

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

/**
 * Nodes that were replicas in one sample and masters in the next. A master that hung and returned was a master before.
 */
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
