/**
 * Waiting times of the callers, from the intended start, by kind of operation. Distributions are over answers: a fast
 * failure must not improve them, and without a fault only Redis answers (a computed value: Redis or its loader). An
 * operation that never completed counts up to the end of the history; one that was never sent has no wait.
 * `longerThan1s` counts every wait, regardless of its outcome.
 *
 * `<kind>` are distributions. `operation` is all operations on a single key, without computed values, whose time is the loader's;
 * `batch` is all batches.
 */

import type { History, Operation } from '../history/events.ts';
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
    const waits = waitsByKind(history, operations);
    const all = [...waitsByKind(history, sent).values()].flat();
    const operation = [...waitsByKind(history, single).values()].flat();
    const batches = [...BATCHES].flatMap((kind) => waits.get(kind) ?? []);
    const figures: Record<string, Figure | undefined> = {
      batch: distributionOf(batches, 'ms'),
      longerThan1s: valueFigure(all.filter((ms) => ms > LONG_MS).length, 'operations', all.length),
      operation: distributionOf(operation, 'ms'),
    };
    for (const [kind, samples] of waits) figures[kind] = distributionOf(samples, 'ms');
    return { validity: 'valid', reasons: [], figures: definedFigures(figures) };
  },
};

/** Returns the times in ms that callers waited, by kind of operation. */
export function waitsByKind(
  history: History,
  operations: readonly Operation[],
): ReadonlyMap<string, number[]> {
  const endUs = lastUs(history);
  const waits = new Map<string, number[]>();
  for (const { invoke, latencyMs } of operations) {
    const waited = latencyMs ?? (endUs - invoke.intendedUs) / US_PER_MS;
    const samples = waits.get(invoke.kind);
    if (samples === undefined) waits.set(invoke.kind, [waited]);
    else samples.push(waited);
  }
  return waits;
}
