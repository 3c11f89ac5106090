/**
 * Judges the promise of `min-replicas-to-write`: with fewer replicas the master refuses writes. Counts the writes that
 * Redis acknowledged although fewer replicas were left. The counted period begins when the master must have detected
 * the loss (its maximum allowed lag plus a second for the check) and ends when the first replica is healed. The writes
 * sent during that period are the observations.
 */
import type { History } from '../history/events.ts';
import type { Checker } from './checker.ts';
import {
  acknowledgedWrites,
  faultSpans,
  firstOverlap,
  hitMaster,
  isSentinel,
  isWrite,
  joinExamples,
  operationsOf,
  type SpanUs,
  unknownResult,
  valueFigure,
  wasSent,
} from './history-queries.ts';

const US_PER_S = 1_000_000;

export const minReplicas: Checker = {
  id: 'min-replicas',
  proves: 'a master with too few replicas refuses writes',
  check(history, { client, environment }) {
    const { redis, topology } = environment;
    if (redis.minReplicasToWrite === 0)
      return unknownResult('redis.minReplicasToWrite is 0: there is no promise to check');
    const span = spanBelow(history, topology.replicas - redis.minReplicasToWrite + 1);
    if (span === undefined) return unknownResult('the master had enough replicas throughout');
    const fromUs = span.startUs + (redis.minReplicasMaxLagSeconds + 1) * US_PER_S;
    const within = operationsOf(history, client).filter(
      (write) =>
        isWrite(write.invoke.kind) &&
        wasSent(write) &&
        write.invoke.atUs > fromUs &&
        (write.completion?.atUs ?? Number.POSITIVE_INFINITY) < span.endUs,
    );
    const taken = acknowledgedWrites(within);
    if (within.length === 0) return unknownResult('no write was sent while the master had too few replicas');
    const keys = joinExamples(taken, ({ invoke }) => invoke.key);
    return {
      validity: taken.length > 0 ? 'invalid' : 'valid',
      reasons:
        taken.length > 0
          ? [`${taken.length} of ${within.length} writes were acknowledged with too few replicas: ${keys}`]
          : [],
      figures: { acknowledgedWithoutReplicas: valueFigure(taken.length, 'writes', within.length) },
    };
  },
};

/** Returns the span from the loss of too many replicas until the first of them is healed. */
function spanBelow(history: History, gone: number): SpanUs | undefined {
  const spans = faultSpans(history).filter(
    (span) => span.observed && !isSentinel(span.node) && !hitMaster(history, span),
  );
  return firstOverlap(spans, gone);
}
