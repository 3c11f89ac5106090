/**
 * Server capacity: the number of connections that are open and answering simultaneously, and the growth of memory with
 * the number of keys.
 *
 * `linearity` is the coefficient of determination of a straight-line fit of memory over the number of keys;
 * `bytesPerKey` is its slope. `connections` counts the connections that answered a PING after all of them were open. If
 * this machine or the user's limits allow fewer connections than the drill requested, the figure is not measured,
 * because Redis is then not the limiting factor.
 */
import type { ObservationEvent } from '../history/events.ts';
import { straightLine } from '../statistics/regression.ts';
import type { Checker, Figure } from './checker.ts';
import { definedFigures, unknownResult, valueFigure } from './history-queries.ts';

export const capacity: Checker = {
  id: 'capacity',
  proves: 'how many connections the servers support, and how their memory grows',
  check({ observations }) {
    const marks = observations.filter(({ from }) => from === 'workload');
    const held = marks.find(({ name }) => name === 'connections')?.data;
    const points = marks.filter(({ name }) => name === 'memory-point').flatMap(pointOf);
    if (held === undefined && points.length === 0) return unknownResult('no capacity was measured');
    const unmeasured: Record<string, string> = {};
    const figures: Record<string, Figure | undefined> = {};
    if (typeof held?.limit === 'string' && held.limit !== '') unmeasured.connections = held.limit;
    else if (typeof held?.answered === 'number' && typeof held.asked === 'number') {
      figures.connections = valueFigure(held.answered, 'connections', held.asked);
      if (typeof held.getP99Ms === 'number')
        figures.getP99Ms = valueFigure(held.getP99Ms, 'ms', Number(held.gets ?? 0));
    }
    const line = straightLine(points);
    if (line !== undefined) {
      figures.linearity = valueFigure(line.determination, 'ratio', points.length);
      figures.bytesPerKey = valueFigure(line.slope, 'bytes', points.length);
    }
    return {
      validity: 'valid',
      reasons: [],
      figures: definedFigures(figures),
      ...(Object.keys(unmeasured).length > 0 && { unmeasured }),
    };
  },
};

function pointOf({ data }: ObservationEvent) {
  const { keys, usedBytes } = data ?? {};
  return typeof keys === 'number' && typeof usedBytes === 'number' ? [{ x: keys, y: usedBytes }] : [];
}
