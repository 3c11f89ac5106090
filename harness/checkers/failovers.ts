/**
 * Counts master changes in two ways: those that the sentinels published (each once, regardless of how many sentinels
 * reported it), and those that the samples of the nodes' roles show. The larger number counts, because a subscription
 * may have missed a change, and a cluster publishes none. The figure is measured only if the nodes were sampled after
 * the last fault: a trial that was not observed to its end cannot show that there was no failover.
 *
 * If the drill states how many failovers its faults require, the missing and the unnecessary failovers are counted too.
 * `withoutQuorum` counts the failovers that occurred while too few sentinels were left to agree.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { History, ObservationEvent } from '../history/events.ts';
import type { Checker, Figure } from './checker.ts';
import {
  definedFigures,
  faultSpans,
  firstOverlap,
  isSentinel,
  unknownResult,
  valueFigure,
} from './history-queries.ts';

export const failovers: Checker = {
  id: 'failovers',
  proves: 'how often the master changed',
  check(history, { environment, neededFailovers: needed }) {
    const lastUs = Math.max(0, ...faultSpans(history).map(({ fromUs, toUs }) => toUs ?? fromUs));
    const samples = history.observations.filter(({ from, name }) => from === 'info' && name === 'sample');
    const watched = samples.filter(({ atUs }) => atUs > lastUs);
    if (watched.length === 0) return unknownResult('no node was sampled after the last fault');
    const switches = history.observations.filter(
      ({ from, name }) => from === 'sentinel' && name === '+switch-master',
    );
    const told = new Set(switches.map(({ data }) => String(data?.message ?? '')));
    const changed = findPromotions(samples);
    const promoted = changed.map(({ node = '' }) => node);
    const figure = (count: number) => valueFigure(count, 'failovers', watched.length);
    const changes = Math.max(told.size, promoted.length);
    const said = told.size >= promoted.length ? [...told] : promoted.map((node) => `${node} became master`);
    return {
      validity: 'valid',
      reasons: changes === 0 ? [] : [`the master changed: ${said.join('; ')}`],
      figures: definedFigures({
        failovers: figure(changes),
        missingFailovers: needed === undefined ? undefined : figure(Math.max(0, needed - changes)),
        needlessFailovers: needed === undefined ? undefined : figure(Math.max(0, changes - needed)),
        withoutQuorum: withoutQuorum(history, environment.topology, [...switches, ...changed]),
      }),
    };
  },
};

/** Counts the master changes that occurred while too few sentinels were left; undefined if there was no such period. */
function withoutQuorum(
  history: History,
  { sentinels, quorum }: EnvironmentConfig['topology'],
  changes: readonly ObservationEvent[],
): Figure | undefined {
  const needed = Math.max(quorum, Math.floor(sentinels / 2) + 1);
  const silent = faultSpans(history).filter(({ node, observed }) => observed && isSentinel(node));
  const span = firstOverlap(silent, sentinels - needed + 1);
  if (span === undefined) return undefined;
  const isWithin = ({ atUs }: ObservationEvent) => atUs > span.startUs && atUs < span.endUs;
  const samples = history.observations.filter(({ from, name }) => from === 'info' && name === 'sample');
  return valueFigure(changes.filter(isWithin).length, 'failovers', samples.filter(isWithin).length);
}

/**
 * Returns the samples of nodes that were replicas in the previous sample and are masters now. A master that hung and
 * came back is not returned, because it was a master in its previous sample.
 */
function findPromotions(samples: readonly ObservationEvent[]): readonly ObservationEvent[] {
  const roles = new Map<string, unknown>();
  return samples.filter(({ node = '', data }) => {
    const before = roles.get(node);
    roles.set(node, data?.role);
    return before !== undefined && before !== 'master' && data?.role === 'master';
  });
}
