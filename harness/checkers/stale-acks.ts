/**
 * Acknowledgements by a master that was already deposed. A write counts if it completed after another node became
 * master (and not shortly before a second failover) and is not in that node's data. A read counts if Redis answered
 * with a miss, or with a value other than that of the only surviving write that was acknowledged before the read began.
 * Answers and misses from the memory fallback carry their source and do not count.
 */
import type { History, Operation, OperationList } from '../history/events.ts';
import type { Checker } from './checker.ts';
import { FinalState } from './final-state.ts';
import {
  acknowledgedWrites,
  definedFigures,
  faultSpans,
  finalMaster,
  hitMaster,
  joinExamples,
  nameOfOperation,
  operationsOf,
  promotionAfter,
  remedyOf,
  type SpanUs,
  US_PER_MS,
  unknownResult,
  valueFigure,
  vanishingDoubts,
  withoutFinalRead,
} from './history-queries.ts';

export const staleAcks: Checker = {
  id: 'stale-acks',
  proves: 'no deposed master acknowledges an operation',
  check(history, context) {
    const final = finalMaster(history);
    if (final.kind !== 'read') return withoutFinalRead(final);
    const promotedUs = firstPromotion(history);
    if (promotedUs === undefined) return unknownResult('no promotion of another master was observed');
    const operations = operationsOf(history, context.client);
    const state = new FinalState(history, final.entries, operations);
    const excused = laterFailovers(history, context.environment.durability.asyncLossWindowMs);
    const late = acknowledgedWrites(operations).filter(
      ({ completion: { atUs } }) =>
        atUs > promotedUs && !excused.some(({ startUs, endUs }) => atUs >= startUs && atUs <= endUs),
    );
    const staleWrites = late.filter((write) => state.effectOf(write) === 'absent');
    const { reads, stale: staleReads } = judgeReads(history, operations, state);
    const stale = [...staleWrites, ...staleReads];
    const doubts = vanishingDoubts(history, context.environment.client.defaultTtlSeconds);
    return {
      validity: doubts.length > 0 ? 'unknown' : stale.length > 0 ? 'invalid' : 'valid',
      reasons: [
        ...doubts.map(({ reason }) => reason),
        ...(stale.length > 0
          ? [`${stale.length} stale acknowledgements: ${joinExamples(stale, nameOfOperation)}`]
          : []),
      ],
      ...remedyOf(doubts),
      ...fromMemory(history, stale),
      figures: definedFigures({
        staleAcknowledged: valueFigure(stale.length, 'operations', late.length + reads),
      }),
    };
  },
};

/** Number of a value that was not recorded; no text has this number. */
const ABSENT = 0;

/** Faults under which a node does not reply. */
const SILENCING: ReadonlySet<string> = new Set(['kill', 'pause']);

/**
 * Returns the remedy for stale answers that arrived while the deposed master was stopped: no node can have sent them.
 */
function fromMemory(
  history: History,
  stale: readonly Operation[],
): { readonly remedies?: readonly string[] } {
  const silent = faultSpans(history)
    .filter(({ fault, observed }) => observed && SILENCING.has(fault))
    .map(({ node, fromUs }) => ({
      fromUs,
      toUs:
        history.faults.find((event) => event.phase === 'heal' && event.node === node && event.atUs > fromUs)
          ?.atUs ?? Number.POSITIVE_INFINITY,
    }));
  const own = stale.filter(({ invoke, completion }) =>
    silent.some(({ fromUs, toUs }) => invoke.atUs > fromUs && (completion?.atUs ?? 0) < toUs),
  );
  if (own.length === 0) return {};
  const remedy = `${own.length} of the ${stale.length} stale answers came while the deposed master was stopped: no node sent them. The client answers from its memory and reports the source 'redis'; this is a defect of the client.`;
  return { remedies: [remedy] };
}

/**
 * Returns the first promotion after the first fault that affected a master; without a fault (a planned switch), the
 * first promotion in the trial.
 */
function firstPromotion(history: History): number | undefined {
  const spans = faultSpans(history);
  const fault = spans.find((span) => hitMaster(history, span)) ?? spans[0];
  return fault === undefined
    ? promotionAfter(history, 0, '')
    : promotionAfter(history, fault.askedUs, fault.node);
}

/**
 * Returns the periods before a later promotion, in which the master was not deposed: writes that the master loses in
 * these periods count as lost (`lost-writes`).
 */
function laterFailovers(history: History, windowMs: number): readonly SpanUs[] {
  return faultSpans(history)
    .filter((span) => hitMaster(history, span))
    .slice(1)
    .flatMap(({ askedUs, node }) => {
      const endUs = promotionAfter(history, askedUs, node);
      return endUs === undefined ? [] : [{ startUs: askedUs - windowMs * US_PER_MS, endUs }];
    });
}

/**
 * Counts the reads that have exactly one correct answer (their key was written once, the write was acknowledged before
 * the read began, and the key still exists), and returns those that got a different answer.
 */
function judgeReads(
  history: History,
  operations: OperationList,
  state: FinalState,
): { readonly reads: number; readonly stale: OperationList } {
  const writes = acknowledgedWrites(operations).filter(
    (write) =>
      write.invoke.kind === 'set' && state.isOnlyWriter(write) && state.effectOf(write) === 'present',
  );
  /** Time of acknowledgement and value of the only write, by key. */
  const doneUs = new Float64Array(history.keys.size).fill(Number.POSITIVE_INFINITY);
  const written = new Int32Array(history.keys.size);
  for (const { keyNumber, completion, valueNumber = ABSENT } of writes) {
    doneUs[keyNumber] = completion.atUs;
    written[keyNumber] = valueNumber;
  }
  const reads = operations.filter(
    ({ invoke, outcome, completion, keyNumber }) =>
      invoke.kind === 'get' &&
      outcome === 'ok' &&
      completion?.source === 'redis' &&
      (doneUs[keyNumber] ?? 0) <= invoke.atUs,
  );
  const stale = reads.filter(({ keyNumber, answerNumber = ABSENT }) => written[keyNumber] !== answerNumber);
  return { reads: reads.length, stale };
}
