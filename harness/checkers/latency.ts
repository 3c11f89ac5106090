/**
 * Waiting times of the callers, from the intended start, by kind of operation. Distributions contain only answers: a
 * fast failure must not improve them, and without a fault only answers from Redis count (for a computed value, also
 * those from its loader). An operation that never completed counts up to the end of the history; one that was never
 * sent has no waiting time. `longerThan1s` counts every wait, regardless of its outcome.
 *
 * `<kind>` is the distribution of one kind, `operation` that of all operations on a single key except computed values,
 * whose time is the loader's, and `batch` that of all batches.
 */

import type { History, Operation, OperationList } from '../history/events.ts';
import type { Checker, Figure } from './checker.ts';
import {
  definedFigures,
  distributionOf,
  isFaultless,
  lastUs,
  measuredOperations,
  servedByRedis,
  US_PER_MS,
  unknownResult,
  valueFigure,
  wasSent,
} from './history-queries.ts';

/** Time in ms after which a caller has given up, regardless of the answer. */
const LONG_MS = 1_000;
const BATCHES: ReadonlySet<string> = new Set(['getMany', 'setMany']);

export const latency: Checker = {
  id: 'latency',
  proves: 'how long each kind of operation takes, measured from the intended start',
  check(history, context) {
    const sent = measuredOperations(history, context.client).filter(wasSent);
    if (sent.length === 0) return unknownResult('no operation in the measured window');
    const faultless = isFaultless(history);
    const operations = sent.filter(
      (operation) =>
        operation.completion === undefined ||
        (operation.outcome === 'ok' && (!faultless || servedByRedis(operation))),
    );
    const single = operations.filter(
      ({ invoke, completion }) => !BATCHES.has(invoke.kind) && completion?.source !== 'loader',
    );
    const waitMs = waitOf(history);
    const waits = waitsByKind(history, operations);
    const batches = operations.filter(({ invoke }) => BATCHES.has(invoke.kind));
    const long = sent.filter((operation) => waitMs(operation) > LONG_MS);
    const figures: Record<string, Figure | undefined> = {
      batch: distributionOf(samplesOf(batches, waitMs), 'ms'),
      longerThan1s: valueFigure(long.length, 'operations', sent.length),
      operation: distributionOf(samplesOf(single, waitMs), 'ms'),
    };
    for (const [kind, samples] of waits) figures[kind] = distributionOf(samples, 'ms');
    return { validity: 'valid', reasons: [], figures: definedFigures(figures) };
  },
};

/** Returns the times in ms that callers waited, by kind of operation, in the order of their first operations. */
export function waitsByKind(history: History, operations: OperationList): ReadonlyMap<string, Float64Array> {
  const waitMs = waitOf(history);
  const counts = new Map<string, number>();
  for (const { invoke } of operations) counts.set(invoke.kind, (counts.get(invoke.kind) ?? 0) + 1);
  const waits = new Map([...counts].map(([kind, count]) => [kind, new Float64Array(count)] as const));
  for (const operation of operations) {
    const { kind } = operation.invoke;
    const left = counts.get(kind) ?? 0;
    const samples = waits.get(kind) as Float64Array;
    samples[samples.length - left] = waitMs(operation);
    counts.set(kind, left - 1);
  }
  return waits;
}

/** Returns a function that gives the time in ms that a caller waited. */
function waitOf(history: History): (operation: Operation) => number {
  const endUs = lastUs(history);
  return ({ invoke, latencyMs }) => latencyMs ?? (endUs - invoke.intendedUs) / US_PER_MS;
}

function samplesOf(operations: OperationList, sampleOf: (operation: Operation) => number): Float64Array {
  const samples = new Float64Array(operations.length);
  let count = 0;
  for (const operation of operations) samples[count++] = sampleOf(operation);
  return samples;
}
