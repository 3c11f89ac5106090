/**
 * Counts refusals by Redis after which a loader or memory provides the result. For each combination of operation, step
 * and code, at most one event per second is emitted, because a full server refuses every write.
 */

import { CommandError } from '../api/errors.ts';
import type { Emitter } from '../api/events.ts';
import type { CacheEvent } from '../api/types.ts';
import { now } from '../transport/timing.ts';
import type { Statistics } from './statistics.ts';

/**
 * Step that Redis refused: reading the entry, acquiring or releasing its lease, reading the versions of its tags, or
 * storing the value.
 */
export type RefusedStep = 'read' | 'lease' | 'tags' | 'store';

const INTERVAL_MS = 1000;

interface Told {
  readonly at: number;
  /** Number of additional refusals with the same operation, step and code. */
  more: number;
}

export class Refusals {
  readonly #statistics: Statistics;
  readonly #events: Emitter<CacheEvent>;
  readonly #told = new Map<string, Told>();

  constructor(statistics: Statistics, events: Emitter<CacheEvent>) {
    this.#statistics = statistics;
    this.#events = events;
  }

  /** Counts a refusal. Ignores errors that are not Redis replies. */
  note(operation: string, step: RefusedStep, error: unknown): void {
    if (!(error instanceof CommandError)) return;
    this.#statistics.refusals += 1;
    const { code, message } = error;
    const kind = `${operation} ${step} ${code}`;
    const told = this.#told.get(kind);
    const at = now();
    if (told && at - told.at < INTERVAL_MS) {
      told.more += 1;
      return;
    }
    this.#told.set(kind, { at, more: 0 });
    this.#events.emit({
      type: 'refused',
      operation,
      step,
      code,
      reason: message,
      count: 1 + (told?.more ?? 0),
    });
  }
}
