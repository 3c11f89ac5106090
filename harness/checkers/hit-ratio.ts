/**
 * Ratio of hits to reads. A read is a `get`, a key of a `getMany`, or a `getOrCompute`. A read is a hit if Redis
 * answered with a value, and a miss if the loader or the memory fallback answered, or if there was no value. Reads of a
 * phase without a cache (`uncached`) or of the phase that fills it (`warm`) are not counted; failed reads are part of
 * availability.
 *
 * `frequent` counts keys that were read at least twice in the window: the "frequently accessed data" of requirements
 * document 002.
 */
import type { Operation, OperationList } from '../history/events.ts';
import type { Checker, Figure } from './checker.ts';
import { definedFigures, measuredOperations, proportionFigure, unknownResult } from './history-queries.ts';

const UNCOUNTED = new Set(['uncached', 'warm', 'warm-up']);
const FREQUENT_READS = 2;

interface Reads {
  readonly hits: number;
  readonly reads: number;
}

export const hitRatio: Checker = {
  id: 'hit-ratio',
  proves: 'the share of reads that Redis answered',
  check(history, context) {
    const reads = measuredOperations(history, context.client).filter(
      (operation) => operation.outcome === 'ok' && readsOf(operation).reads > 0,
    );
    if (reads.length === 0) return unknownResult('no read in the measured window');
    const single = reads.filter(({ invoke }) => invoke.kind !== 'getMany');
    const perKey = new Uint32Array(history.keys.size);
    for (const { keyNumber } of single) perKey[keyNumber] = (perKey[keyNumber] ?? 0) + 1;
    const frequent = single.filter(({ keyNumber }) => (perKey[keyNumber] ?? 0) >= FREQUENT_READS);
    const figures: Record<string, Figure> = { overall: figureOf(reads), frequent: figureOf(frequent) };
    const phases = new Set<string>();
    for (const { invoke } of reads) if (invoke.phase !== undefined) phases.add(invoke.phase);
    for (const phase of phases) {
      figures[`phase.${phase}`] = figureOf(reads.filter(({ invoke }) => invoke.phase === phase));
    }
    return { validity: 'valid', reasons: [], figures: definedFigures(figures) };
  },
};

const READ_KINDS: ReadonlySet<string> = new Set(['get', 'getMany', 'getOrCompute']);

/**
 * Counts the hits and reads of one operation that completed as ok; 0 for an operation that is not a read or is not
 * counted.
 */
export function readsOf({ invoke, completion, hasAnswer }: Operation): Reads {
  const counted = READ_KINDS.has(invoke.kind) && !UNCOUNTED.has(invoke.phase ?? '');
  if (!counted || completion === undefined) return { hits: 0, reads: 0 };
  if (invoke.kind === 'getMany')
    return {
      hits: completion.source === 'redis' ? Number(completion.value ?? 0) : 0,
      reads: invoke.batch ?? 1,
    };
  return { hits: hasAnswer && completion.source === 'redis' ? 1 : 0, reads: 1 };
}

function figureOf(operations: OperationList): Figure {
  let hits = 0;
  let reads = 0;
  for (const operation of operations) {
    const counted = readsOf(operation);
    hits += counted.hits;
    reads += counted.reads;
  }
  return proportionFigure(hits, reads);
}
