/**
 * Replication lag: time from the acknowledgement of a write until it was readable on a replica, as the drill measured
 * it (`replication-lag`, one observation per write and replica), and the lag that the nodes themselves report.
 */
import { largestOf } from '../statistics/quantile.ts';
import type { Checker } from './checker.ts';
import { definedFigures, distributionOf, unknownResult, valueFigure } from './history-queries.ts';

export const replication: Checker = {
  id: 'replication',
  proves: 'how long a write takes to reach the replicas',
  check(history) {
    const sampledNumbers = (name: string, field: string) =>
      history.observations.flatMap((seen) => {
        const amount = seen.name === name ? seen.data?.[field] : undefined;
        return typeof amount === 'number' ? [amount] : [];
      });
    const measured = sampledNumbers('replication-lag', 'lagMs');
    const reported = sampledNumbers('sample', 'lagSeconds');
    if (measured.length === 0 && reported.length === 0) return unknownResult('no lag was measured');
    return {
      validity: 'valid',
      reasons: [],
      figures: definedFigures({
        lagMs: distributionOf(measured, 'ms'),
        reportedLagSeconds:
          reported.length > 0 ? valueFigure(largestOf(reported), 's', reported.length) : undefined,
      }),
    };
  },
};
