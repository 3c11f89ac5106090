/**
 * Finds acknowledged writes that are missing on the master after healing. Each write is judged by its durability.
 *
 * `{ replicas, timeoutMs }`: no write may be lost. `async`: Redis acknowledges before it replicates, so a write
 * acknowledged within `asyncLossWindowMs` before the request of a fault, or between it and the promotion of the new
 * master, may be lost; any other write must not be lost. Writes with an unknown outcome count neither as lost nor as
 * kept, and an answer from the memory fallback is not a write to Redis.
 *
 * A control shows that writes were at risk: if the replicas were made to lag before a fault, async writes from that
 * period are lost. The durable writes acknowledged during the same period are the exposed ones; if no async write was
 * lost, no durable write counts as exposed, regardless of what was acknowledged.
 *
 * `asyncLostMoreThanStock` is the number of lost async writes beyond the number that the stock client lost in the
 * trial, under the same faults.
 *
 * With fewer than 20 durable acknowledgements in a trial, the absence of losses proves nothing: `durableLost` is then
 * left out, unless a durable write was lost.
 */

import type { History, OperationList } from '../history/events.ts';
import { smallestOf } from '../statistics/quantile.ts';
import type { CheckContext, Checker } from './checker.ts';
import type { FinalEntries } from './final-entries.ts';
import { FinalState } from './final-state.ts';
import {
  type AcknowledgedWrite,
  acknowledgedWrites,
  definedFigures,
  type FaultSpan,
  type Finding,
  faultSpans,
  finalMaster,
  hitMaster,
  joinExamples,
  lastUs,
  operationsOf,
  promotionAfter,
  remedyOf,
  US_PER_MS,
  unknownResult,
  valueFigure,
  vanishingDoubts,
  withoutFinalRead,
} from './history-queries.ts';

const MIN_DURABLE_WRITES = 20;

export const lostWrites: Checker = {
  id: 'lost-writes',
  proves: 'no acknowledged write is missing after the heal, except for losses that its durability allows',
  check(history, context) {
    const operations = operationsOf(history, context.client);
    const acknowledged = acknowledgedWrites(operations);
    if (acknowledged.length === 0) return unknownResult('no write was acknowledged by Redis');
    const final = finalMaster(history);
    if (final.kind !== 'read') return withoutFinalRead(final);
    const state = new FinalState(history, final.entries, operations);
    const unread = acknowledged.filter((write) => state.effectOf(write) === 'not-read');
    if (unread.length > 0) {
      return unknownResult(`${unread.length} acknowledged keys were not read back: ${keyExamples(unread)}`);
    }
    const lost = acknowledged.filter((write) => state.effectOf(write) === 'absent');
    const finding = findingOf(history, context, acknowledged, lost, final.entries);
    const fewest = fewestLostByStock(history, context.client, final.entries);
    if (fewest === undefined) return finding;
    const own = lost.filter((write) => !isDurable(write)).length;
    const asyncLostMoreThanStock = valueFigure(Math.max(0, own - fewest), 'writes', acknowledged.length);
    return { ...finding, figures: { ...finding.figures, asyncLostMoreThanStock } };
  },
};

/**
 * Returns the number of writes lost by the stock client that lost the fewest; all of its writes are async. Undefined
 * without a stock client.
 */
function fewestLostByStock(history: History, client: string, entries: FinalEntries): number | undefined {
  const clients = new Set<string>();
  for (const { invoke } of history.operations) clients.add(invoke.client);
  const counts = [...clients].flatMap((other) => {
    const operations = operationsOf(history, other);
    const acknowledged = acknowledgedWrites(operations);
    if (other === client || acknowledged.length === 0) return [];
    const state = new FinalState(history, entries, operations);
    return [acknowledged.filter((write) => state.effectOf(write) === 'absent').length];
  });
  return counts.length === 0 ? undefined : smallestOf(counts);
}

function findingOf(
  history: History,
  context: CheckContext,
  acknowledged: OperationList<AcknowledgedWrite>,
  lost: OperationList<AcknowledgedWrite>,
  entries: FinalEntries,
): Finding {
  const excused = excusedSpans(history, context.environment.durability.asyncLossWindowMs);
  const durable = acknowledged.filter(isDurable);
  const durableLost = lost.filter(isDurable);
  const asyncLost = lost.filter((write) => !isDurable(write));
  const beyond = asyncLost.filter((write) => !isExcused(write, excused, entries));
  const unconfirmed = durable.filter(({ invoke, completion }) => {
    const promised = typeof invoke.durability === 'object' ? invoke.durability.replicas : 0;
    return (completion.replicas ?? 0) < promised;
  });
  const doubts = vanishingDoubts(history, context.environment.client.defaultTtlSeconds);
  const violations = [
    ...reasonFor(durableLost, 'durable writes lost'),
    ...reasonFor(beyond, 'async writes lost outside the stated window'),
    ...reasonFor(unconfirmed, 'durable writes acknowledged with fewer replicas than promised'),
  ];
  const isLost = new Set(lost.map(({ id }) => id));
  const exposed = countExposed(history, durable, asyncLost, isLost);
  const asyncCount = acknowledged.length - durable.length;
  const tooFew = durable.length < MIN_DURABLE_WRITES && durableLost.length === 0;
  const promised = typeof context.environment.durability.durableWrites === 'object';
  return {
    validity: doubts.length > 0 ? 'unknown' : violations.length > 0 ? 'invalid' : 'valid',
    reasons: [
      ...doubts.map(({ reason: reasonFor }) => reasonFor),
      ...violations,
      ...reasonFor(asyncLost, 'async writes lost'),
      ...(tooFew && promised
        ? [
            `durableLost: n = ${durable.length} acknowledged durable writes, at least ${MIN_DURABLE_WRITES} needed`,
          ]
        : []),
    ],
    ...remedyOf(doubts),
    ...remediesOf(neverStored(history, acknowledged, isLost, entries), lost),
    figures: {
      ...definedFigures({
        acknowledged: valueFigure(acknowledged.length, 'writes', acknowledged.length),
        lost: valueFigure(lost.length, 'writes', acknowledged.length),
        durableAcknowledged: valueFigure(durable.length, 'writes', durable.length),
        durableLost: tooFew ? undefined : valueFigure(durableLost.length, 'writes', durable.length),
        durableUnconfirmed: valueFigure(unconfirmed.length, 'writes', durable.length),
        asyncLost: valueFigure(asyncLost.length, 'writes', asyncCount),
        asyncLostBeyondWindow: valueFigure(beyond.length, 'writes', asyncCount),
      }),
      // Also reported if no write was exposed: this is a result, not a missing figure.
      durableExposedLost: valueFigure(exposed.lost, 'writes', exposed.acknowledged),
    },
  };
}

function isDurable({ invoke }: AcknowledgedWrite): boolean {
  return typeof invoke.durability === 'object';
}

function isExcused(
  { keyNumber, completion }: AcknowledgedWrite,
  excused: ReturnType<typeof excusedSpans>,
  entries: FinalEntries,
): boolean {
  return excused.some(
    ({ shard, startUs, endUs }) =>
      (shard === undefined || shard === entries.shardOf(keyNumber)) &&
      completion.atUs >= startUs &&
      completion.atUs <= endUs,
  );
}

/**
 * Counts the durable writes that were acknowledged while the replicas lagged, and how many of these durable writes were
 * lost. A period in which no async write was lost is not counted.
 */
function countExposed(
  history: History,
  durable: OperationList<AcknowledgedWrite>,
  asyncLost: OperationList<AcknowledgedWrite>,
  isLost: ReadonlySet<number>,
): { readonly acknowledged: number; readonly lost: number } {
  const marks = history.observations.filter(({ from, name }) => from === 'drill' && name === 'lag');
  const periods = marks.flatMap((on, i) => {
    if (on.data?.phase !== 'on') return [];
    const endUs = marks[i + 1]?.atUs ?? lastUs(history);
    const within = ({ completion }: AcknowledgedWrite) =>
      completion.atUs >= on.atUs && completion.atUs <= endUs;
    return asyncLost.some(within) ? [durable.filter(within)] : [];
  });
  return {
    acknowledged: periods.reduce((sum, { length }) => sum + length, 0),
    lost: periods.reduce((sum, writes) => sum + writes.filter(({ id }) => isLost.has(id)).length, 0),
  };
}

function remediesOf(
  unstored: OperationList<AcknowledgedWrite>,
  lost: OperationList<AcknowledgedWrite>,
): { readonly remedies?: readonly string[] } {
  if (unstored.length === 0) return {};
  const remedy = `${unstored.length} of the ${lost.length} lost writes were followed by writes that survived on the same master: no failover lost them. The client acknowledged writes that it never stored (a defect of the client), or another client deleted the keys.`;
  return { remedies: [remedy] };
}

/**
 * Returns the lost writes that are followed by surviving writes under the same master. A replica has a prefix of its
 * master's writes, so a failover loses only the last writes.
 */
function neverStored(
  history: History,
  acknowledged: OperationList<AcknowledgedWrite>,
  isLost: ReadonlySet<number>,
  entries: FinalEntries,
): OperationList<AcknowledgedWrite> {
  if (isLost.size === 0) return acknowledged.filter(() => false);
  const spans = masterFaults(history).map((span) => ({
    askedUs: span.askedUs,
    promotedUs: promotionAfter(history, span.askedUs, span.node) ?? span.toUs ?? span.fromUs,
  }));
  // During a partition, clients can reach both masters.
  const splits = faultSpans(history).filter(({ fault }) => fault.startsWith('partition'));
  /** Returns the master that acknowledged the write; undefined if it is not certain. */
  const acknowledgingMaster = ({ invoke, completion }: AcknowledgedWrite) => {
    const isSplit = splits.some(
      ({ askedUs, toUs = Number.POSITIVE_INFINITY }) => completion.atUs > askedUs && completion.atUs < toUs,
    );
    if (isSplit) return undefined;
    const before = spans.filter(({ promotedUs }) => promotedUs < invoke.atUs);
    const next = spans[before.length];
    return next !== undefined && completion.atUs > next.askedUs ? undefined : before.length;
  };
  const lastSurvivor = new Map<string, number>();
  const reignOf = (write: AcknowledgedWrite) => {
    const reign = acknowledgingMaster(write);
    return reign === undefined ? undefined : `${reign} ${entries.shardOf(write.keyNumber) ?? ''}`;
  };
  for (const write of acknowledged) {
    const reign = isLost.has(write.id) ? undefined : reignOf(write);
    if (reign === undefined) continue;
    lastSurvivor.set(reign, Math.max(write.invoke.atUs, lastSurvivor.get(reign) ?? 0));
  }
  return acknowledged.filter((write) => {
    if (!isLost.has(write.id)) return false;
    const survivorUs = lastSurvivor.get(reignOf(write) ?? '');
    return survivorUs !== undefined && survivorUs > write.completion.atUs;
  });
}

/** Returns the faults that affected masters. Faults on replicas and sentinels do not cause lost writes. */
function masterFaults(history: History): readonly FaultSpan[] {
  return faultSpans(history).filter((span) => hitMaster(history, span));
}

/**
 * Returns the spans in which an acknowledged async write may be lost: each begins `asyncLossWindowMs` before the request
 * of a fault, ends with the promotion of another master, and covers only the shard of the fault. On a busy machine, the
 * fault can strike long before its injection is observed.
 */
function excusedSpans(history: History, windowMs: number) {
  return masterFaults(history).map((span: FaultSpan) => ({
    shard: span.shard,
    startUs: span.askedUs - windowMs * US_PER_MS,
    endUs: promotionAfter(history, span.askedUs, span.node) ?? span.toUs ?? span.fromUs,
  }));
}

function keyExamples(writes: OperationList<AcknowledgedWrite>): string {
  return joinExamples(writes, ({ invoke }) => invoke.key);
}

function reasonFor(writes: OperationList<AcknowledgedWrite>, what: string): readonly string[] {
  return writes.length === 0 ? [] : [`${writes.length} ${what}: ${keyExamples(writes)}`];
}
