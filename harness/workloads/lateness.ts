/**
 * Lateness of the generator itself: actual minus intended send time, per second and in total. The latencies that a
 * late generator records include its own delay, so the history must record the lateness. Event-loop stalls of its
 * thread are recorded too.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../history/clock.ts';
import type { HistoryEvent } from '../history/events.ts';

const RESOLUTION_MS = 1;

export interface LatenessMeter {
  sent(intendedUs: number, atUs: number): void;
  /** Writes the last second and the total; the meter cannot be used afterwards. */
  close(): void;
}

export function latenessMeter(
  client: string,
  clock: Clock,
  record: (event: HistoryEvent) => void,
): LatenessMeter {
  const all: number[] = [];
  let second: number[] = [];
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loop.enable();

  const observe = (name: string, data: Readonly<Record<string, number>>) =>
    record({ type: 'observe', from: 'workload', name, client, atUs: clock.nowUs(), data });
  const flush = () => {
    if (second.length > 0) observe('lateness', summarizeLateness(second));
    second = [];
    if (Number.isFinite(loop.max) && loop.max > 0) {
      // The histogram measures the time from tick to tick, so the resolution is part of each value.
      const delayMs = (ns: number) => Math.max(0, toMs(ns / 1e3) - RESOLUTION_MS);
      observe('loop-delay', { p99Ms: delayMs(loop.percentile(99)), maxMs: delayMs(loop.max) });
    }
    loop.reset();
  };
  const timer = setInterval(flush, 1_000);

  return {
    sent(intendedUs, atUs) {
      const lateUs = Math.max(0, atUs - intendedUs);
      second.push(lateUs);
      all.push(lateUs);
    },
    close() {
      clearInterval(timer);
      flush();
      loop.disable();
      if (all.length > 0) observe('lateness-total', summarizeLateness(all));
    },
  };
}

/** Returns nearest-rank percentiles, in milliseconds, of times in microseconds. */
function summarizeLateness(microseconds: readonly number[]): Readonly<Record<string, number>> {
  const sorted = Float64Array.from(microseconds).sort();
  const quantileAt = (p: number) => sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] as number;
  return {
    p50Ms: toMs(quantileAt(0.5)),
    p99Ms: toMs(quantileAt(0.99)),
    maxMs: toMs(quantileAt(1)),
    n: sorted.length,
  };
}

function toMs(microseconds: number): number {
  return Math.round(microseconds) / 1_000;
}
