/**
 * Steady load without faults: YCSB B's mix (95 % reads, 5 % writes, Zipf 0.99), plus batches and `getOrCompute`. Value
 * sizes follow Twitter's traces (see `values.ts`), and keys have 36 characters.
 *
 * The popular part of the catalogue is written in advance, as in a warmed cache (phase `warm`). A missed key is written
 * after its read, as a cache-aside application does (phase `fill`). Writes of these two phases are not part of the
 * schedule. Every write is in the history with its value, so the right answer to a read of its key is known. The
 * beginning is not measured: the mark `window` gives the measured time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { defineWorkload, type GeneratorContext, markWindow } from './generated.ts';
import type { PlannedOperation } from './issuer.ts';
import { openLoop } from './open-loop.ts';
import type { Resolved } from './parameters.ts';
import { padValue, valueBytes } from './values.ts';
import { zipfSampler } from './zipf.ts';

const defaults = {
  durationMs: 8_000,
  warmUpMs: 1_000,
  getsPerSecond: 285,
  setsPerSecond: 15,
  getManysPerSecond: 5,
  setManysPerSecond: 5,
  getOrComputesPerSecond: 20,
  batch: 100,
  catalogue: 2_000,
  /** Share of the catalogue, most popular first, that is written before the load begins. */
  warmedShare: 0.5,
  /** Warming rate, in sets per second; 0 for as fast as possible. */
  warmSetsPerSecond: 0,
  zipfExponent: 0.99,
  maxValueBytes: 16_384,
  /**
   * Deadline of every scheduled operation: 50 times the target of a `get`, a quarter of the client's default command
   * timeout.
   */
  deadlineMs: 250,
};

type Context = GeneratorContext<Resolved<typeof defaults>>;

export const steady = defineWorkload({
  name: 'steady',
  finalRead: false,
  defaults,
  async prepare(context) {
    const { issuer } = context;
    const catalogue = catalogueOf(context);
    const warmed = Math.ceil(catalogue.size * context.parameters.warmedShare);
    markWindow(context, 'phase', { phase: 'warm' });
    for (let from = 0; from < warmed; from += context.parameters.batch) {
      const ranks = rangeOf(from, Math.min(warmed, from + context.parameters.batch));
      const sets = ranks.map((rank) => issuer.issueUnscheduled({ ...catalogue.set(rank), phase: 'warm' }));
      await Promise.all(sets);
      const { warmSetsPerSecond } = context.parameters;
      if (warmSetsPerSecond > 0) await sleep((1_000 * sets.length) / warmSetsPerSecond);
    }
    markWindow(context, 'catalogue', {
      keys: catalogue.size,
      warmed,
      exponent: context.parameters.zipfExponent,
    });
  },
  async run(context) {
    const { clock, issuer, random, startUs, stopped, parameters } = context;
    const catalogue = catalogueOf(context);
    const rank = zipfSampler(catalogue.size, parameters.zipfExponent, random);
    const drawRanks = () => drawDistinct(rank, Math.min(parameters.batch, catalogue.size));
    const warmUpEndUs = startUs + parameters.warmUpMs * 1_000;
    const endUs = startUs + (parameters.warmUpMs + parameters.durationMs) * 1_000;
    const withPhase = (operation: PlannedOperation): PlannedOperation => ({
      ...operation,
      deadlineMs: parameters.deadlineMs,
      phase: clock.nowUs() < warmUpEndUs ? 'warm-up' : 'steady',
    });
    markWindow(context, 'window', { startUs: warmUpEndUs, endUs });
    const lanes = [
      { perSecond: parameters.getsPerSecond, next: () => withPhase(catalogue.get(rank())) },
      { perSecond: parameters.setsPerSecond, next: () => withPhase(catalogue.set(rank())) },
      { perSecond: parameters.getManysPerSecond, next: () => withPhase(catalogue.getMany(drawRanks())) },
      { perSecond: parameters.setManysPerSecond, next: () => withPhase(catalogue.setMany(drawRanks())) },
      { perSecond: parameters.getOrComputesPerSecond, next: () => withPhase(catalogue.getOrCompute(rank())) },
    ];
    await openLoop({ lanes, clock, issuer, random, startUs, endUs, stopped });
    await issuer.drain(2_000);
  },
});

/** Returns the operations on one catalogue of keys, ordered by popularity. */
function catalogueOf(context: Context) {
  const { adapter, issuer, tag, random } = context;
  const { parameters } = context;
  const size = parameters.catalogue;
  const keyOf = (rank: number) => `s:${tag}:`.padEnd(30, '0') + String(rank).padStart(6, '0');
  const valueFor = (rank: number) => padValue(`s${rank}`, valueBytes(random, parameters.maxValueBytes));

  const set = (rank: number): PlannedOperation => {
    const text = valueFor(rank);
    return {
      kind: 'set',
      key: keyOf(rank),
      value: `s${rank}`,
      send: () => adapter.set(keyOf(rank), text, 'async'),
    };
  };
  const get = (rank: number): PlannedOperation => ({
    kind: 'get',
    key: keyOf(rank),
    send: () => adapter.get(keyOf(rank)),
    onOk: (answer) => {
      // The application's part of cache-aside.
      if (answer.value === null) void issuer.issueUnscheduled({ ...set(rank), phase: 'fill' });
    },
  });
  const getMany = (ranks: readonly number[]): PlannedOperation => ({
    kind: 'getMany',
    key: keyOf(ranks[0] ?? 0),
    keys: ranks.map(keyOf),
    send: () => adapter.getMany(ranks.map(keyOf)),
  });
  const setMany = (ranks: readonly number[]): PlannedOperation => {
    const entries = new Map(ranks.map((rank) => [keyOf(rank), valueFor(rank)]));
    return {
      kind: 'setMany',
      key: keyOf(ranks[0] ?? 0),
      keys: ranks.map(keyOf),
      values: ranks.map((rank) => `s${rank}`),
      send: () => adapter.setMany(entries),
    };
  };
  const getOrCompute = (rank: number): PlannedOperation => {
    const text = valueFor(rank);
    return {
      kind: 'getOrCompute',
      key: keyOf(rank),
      value: `s${rank}`,
      send: () => adapter.getOrCompute(keyOf(rank), async () => text),
    };
  };
  issuer.remember(
    rangeOf(0, size).map((rank) => ({ key: adapter.physicalKey(keyOf(rank)), encoding: adapter.encoding })),
  );
  return { size, get, set, getMany, setMany, getOrCompute };
}

/** Draws the given number of distinct ranks, with the popularity given by `draw`. */
function drawDistinct(draw: () => number, count: number): readonly number[] {
  const ranks = new Set<number>();
  while (ranks.size < count) ranks.add(draw());
  return [...ranks];
}

function rangeOf(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
