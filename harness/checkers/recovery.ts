/**
 * Duration of a fault's effect on clients.
 *
 * `recoveryMs`: time from the observed injection until every kind of write that was acknowledged before the fault
 * (async set, durable set, incr, append) is acknowledged again, each by a write whose intended time is after the
 * injection. Therefore neither a reply that was already in flight nor a single successful INCR counts as a recovery.
 *
 * `writeGapMs`: longest time without an acknowledgement, counted from the request of the fault. A gap that is still
 * open at the end counts up to the end.
 *
 * `servedAfterRecovery`: share of acknowledged writes among the writes that were sent and whose intended time is more
 * than a second after the recovery.
 *
 * `recoveryAfterLastMs`: recovery from the last fault only, for overlapping faults.
 *
 * `movedAfterSwitchMs`: time from the moment at which a sentinel published the new master until the client moved to it.
 *
 * In a cluster, only writes to the faulted shard count: the other shards are not interrupted.
 *
 * If the healing of a fault was not observed, the topology stayed broken, and the measured time is not a recovery. A
 * client that never writes again has no `recoveryMs`: the finding is invalid, so that a missing value is not read as a
 * fast recovery.
 */
import type { History, OperationList } from '../history/events.ts';
import { largestOf, smallestOf } from '../statistics/quantile.ts';
import type { Checker, Figure } from './checker.ts';
import {
  type AcknowledgedWrite,
  acknowledgedWrites,
  definedFigures,
  type FaultSpan,
  faultSpans,
  finalMaster,
  hitMaster,
  isWrite,
  lastUs,
  operationsOf,
  promotionAfter,
  proportionFigure,
  US_PER_MS,
  unknownResult,
  valueFigure,
  wasSent,
  windowOf,
} from './history-queries.ts';
import { WriteSeries } from './write-series.ts';

/** Time during which a client that has just switched may still get errors. */
const SETTLING_US = 1_000_000;

const FAULT_REMEDY =
  'The fault did not take effect or did not end as planned: kit doctor lists what the machine does not support; logs/ in the run folder has the logs of the node. Run again.';

export const recovery: Checker = {
  id: 'recovery',
  proves: 'writes continue after a fault, within a measured time',
  check(history, context) {
    const faults = faultSpans(history);
    if (faults.length === 0) return unknownResult('no fault was injected');
    const unobserved = faults.find((fault) => !fault.observed);
    if (unobserved !== undefined) {
      return unknownResult(`${unobserved.fault} was not observed to take effect`, { remedy: FAULT_REMEDY });
    }
    const unhealed = faults.find((fault) => fault.toUs === undefined);
    if (unhealed !== undefined) {
      const reason = `${unhealed.fault} of ${unhealed.node} was not observed to heal`;
      return unknownResult(reason, { remedy: FAULT_REMEDY });
    }
    const operations = operationsOf(history, context.client);
    const writes = acknowledgedWrites(operations);
    if (writes.length === 0) {
      return {
        validity: 'invalid',
        reasons: ['no write was acknowledged at all'],
        figures: {},
      };
    }
    const seriesOf = writesByShard(history, writes);
    const recoveries = faults.map((fault) => recoveryOf(fault, seriesOf(fault)));
    const lasting = faults.flatMap((fault, i) =>
      (recoveries[i]?.never ?? []).map(
        (kind) => `no ${kind} was acknowledged after ${fault.fault} of ${fault.node}`,
      ),
    );
    const slowest = faults.map((fault, i) => causeOf(history, fault, recoveries[i]));
    const recovered = recoveries.map(({ atUs }, i) => atUs - (faults[i]?.fromUs ?? 0));
    const sinceLast = recovered.at(-1);
    return {
      validity: lasting.length > 0 ? 'invalid' : 'valid',
      reasons: lasting,
      remedies: slowest.flatMap((cause) => cause ?? []),
      figures: definedFigures({
        writeGapMs: valueFigure(
          largestOf(faults.map((fault) => writeGapUs(history, context.client, fault, seriesOf(fault)))) /
            US_PER_MS,
          'ms',
          1,
        ),
        recoveryMs:
          lasting.length > 0
            ? undefined
            : valueFigure(largestOf(recovered) / US_PER_MS, 'ms', recovered.length),
        recoveryAfterLastMs:
          lasting.length > 0 || sinceLast === undefined
            ? undefined
            : valueFigure(sinceLast / US_PER_MS, 'ms', 1),
        movedAfterSwitchMs: movedAfterSwitch(history, context.client, faults),
        servedAfterRecovery:
          lasting.length > 0 ? undefined : servedAfter(faults, recoveries, operations.filter(wasSent)),
      }),
    };
  },
};

/** Returns a function that selects the writes to the shard of a fault; outside a cluster, it selects all writes. */
function writesByShard(
  history: History,
  writes: OperationList<AcknowledgedWrite>,
): (fault: FaultSpan) => WriteSeries {
  const final = finalMaster(history);
  const series = new Map<string | undefined, WriteSeries>();
  return ({ shard }) => {
    const known = series.get(shard);
    if (known !== undefined) return known;
    const own =
      shard === undefined || final.kind !== 'read'
        ? writes
        : writes.filter(({ keyNumber }) => final.entries.shardOf(keyNumber) === shard);
    const created = new WriteSeries(own);
    series.set(shard, created);
    return created;
  };
}

/**
 * Returns the longest time between the publication of a new master by a sentinel and the client's move to it; 0 if the
 * client moved earlier. For a client that never moved, the time is counted up to the end. Undefined if no sentinel
 * published a new master.
 */
function movedAfterSwitch(
  history: History,
  client: string,
  faults: readonly FaultSpan[],
): Figure | undefined {
  const times = faults.flatMap((fault) => {
    const after = history.observations.filter(({ atUs }) => atUs >= fault.askedUs);
    const published = after.find(({ from, name }) => from === 'sentinel' && name === '+switch-master');
    if (published === undefined || !hitMaster(history, fault)) return [];
    const moved = after.find(
      (seen) => seen.from === 'client' && seen.name === 'moved' && seen.client === client,
    );
    return [Math.max(0, (moved?.atUs ?? lastUs(history)) - published.atUs) / US_PER_MS];
  });
  return times.length === 0 ? undefined : valueFigure(largestOf(times), 'ms', times.length);
}

/** Describes the cause of a long recovery: the promotion of another node, or the client after the promotion. */
function causeOf(history: History, fault: FaultSpan, recovery: Recovery | undefined): string | undefined {
  const promotedUs = promotionAfter(history, fault.askedUs, fault.node);
  if (promotedUs === undefined || recovery === undefined) return undefined;
  const promotion = `After ${fault.fault} of ${fault.node} another node was promoted`;
  const detectionMs = Math.round(Math.max(0, promotedUs - fault.fromUs) / US_PER_MS);
  const clientMs = Math.round(Math.max(0, recovery.atUs - promotedUs) / US_PER_MS);
  if (recovery.never.length > 0) {
    return `${promotion} after ${detectionMs} ms, and the client has not written since (${recovery.never.join(', ')}): the client is the cause (client.supervision), not the sentinels.`;
  }
  return detectionMs > clientMs
    ? `${promotion} only after ${detectionMs} ms: look at sentinel.downAfterMs, sentinel.failoverTimeoutMs and topology.quorum.`
    : `${promotion} after ${detectionMs} ms, and the client wrote again ${clientMs} ms after that: the client is the cause (client.supervision, client.breaker.openMs), not the sentinels.`;
}

interface Recovery {
  /** Time at which the last kind of write was acknowledged again. */
  readonly atUs: number;
  /** Kinds of writes that were acknowledged before the fault but never after it. */
  readonly never: readonly string[];
}

function recoveryOf(fault: FaultSpan, writes: WriteSeries): Recovery {
  const before = writes.kindsAcknowledgedBefore(fault.fromUs);
  const first = writes.firstAfter(fault.fromUs);
  // If no write was acknowledged before the fault, any write counts.
  if (before.length === 0) {
    return first.size === 0
      ? { atUs: fault.fromUs, never: ['write'] }
      : { atUs: smallestOf([...first.values()]), never: [] };
  }
  const never = before.filter((kind) => !first.has(kind));
  return {
    atUs: Math.max(fault.fromUs, ...before.flatMap((kind) => first.get(kind) ?? [])),
    never: never.length === before.length ? ['write'] : never,
  };
}

/** Returns the share of writes that Redis acknowledged from one second after each recovery to the next fault. */
function servedAfter(
  faults: readonly FaultSpan[],
  recoveries: readonly Recovery[],
  sent: OperationList,
): Figure {
  const steady = recoveries.map(({ atUs }, i) => ({
    fromUs: atUs + SETTLING_US,
    toUs: faults[i + 1]?.askedUs ?? Number.POSITIVE_INFINITY,
  }));
  const judged = sent.filter(({ invoke }) => {
    if (!isWrite(invoke.kind)) return false;
    const { intendedUs } = invoke;
    return steady.some(({ fromUs, toUs }) => intendedUs > fromUs && intendedUs < toUs);
  });
  return proportionFigure(acknowledgedWrites(judged).length, judged.length);
}

function writeGapUs(history: History, client: string, fault: FaultSpan, writes: WriteSeries): number {
  const window = windowOf(history, client);
  const startUs = window?.startUs ?? history.operations.at(0)?.invoke.intendedUs ?? 0;
  const endUs = window?.endUs ?? lastUs(history);
  return writes.longestGapUs(fault.askedUs, startUs, endUs);
}
