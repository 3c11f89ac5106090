/**
 * Steady load without faults: YCSB B's mix (95 % reads, 5 % writes, Zipf 0.99) with batches and `getOrCompute` beside it.
 * Values have Twitter's sizes (see `values.ts`), keys are 36 characters.
 *
 * Part of the catalogue is written before: the popular part, as a warmed cache has it. What is asked for and absent is
 * written then, as a cache-aside application does. The first moments are not measured: the mark `window` says what is.
 */
import type { GeneratedWorkload, GeneratorContext } from './generated.ts';
import { mark } from './generated.ts';
import type { PlannedOperation } from './issuer.ts';
import { openLoop } from './open-loop.ts';
import { padded, valueBytes } from './values.ts';
import { zipf } from './zipf.ts';

export const steady = {
  kind: 'generated',
  name: 'steady',
  finalRead: false,
  defaults: {
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
    zipfExponent: 0.99,
    maxValueBytes: 16_384,
    deadlineMs: 500,
  },
  async prepare(context: GeneratorContext) {
    const { issuer, clock } = context;
    const catalogue = catalogueOf(context);
    const warmed = Math.ceil(catalogue.size * catalogue.parameter('warmedShare'));
    mark(context, 'phase', { phase: 'warm' });
    for (let from = 0; from < warmed; from += catalogue.parameter('batch')) {
      const ranks = range(from, Math.min(warmed, from + catalogue.parameter('batch')));
      await issuer.issue(clock.nowUs(), { ...catalogue.setMany(ranks), phase: 'warm' });
    }
    mark(context, 'catalogue', {
      keys: catalogue.size,
      warmed,
      exponent: catalogue.parameter('zipfExponent'),
    });
  },
  async run(context: GeneratorContext) {
    const { clock, issuer, random, startUs, stopped } = context;
    const catalogue = catalogueOf(context);
    const rate = catalogue.parameter;
    const rank = zipf(catalogue.size, rate('zipfExponent'), random);
    const ranks = () => Array.from({ length: rate('batch') }, () => random.int(catalogue.size));
    const warmUpEndUs = startUs + rate('warmUpMs') * 1_000;
    const endUs = startUs + (rate('warmUpMs') + rate('durationMs')) * 1_000;
    const phased = (operation: PlannedOperation): PlannedOperation => ({
      ...operation,
      phase: clock.nowUs() < warmUpEndUs ? 'warm-up' : 'steady',
    });
    mark(context, 'window', { startUs: warmUpEndUs, endUs });
    const lanes = [
      { perSecond: rate('getsPerSecond'), next: () => phased(catalogue.get(rank())) },
      { perSecond: rate('setsPerSecond'), next: () => phased(catalogue.set(rank())) },
      { perSecond: rate('getManysPerSecond'), next: () => phased(catalogue.getMany(ranks())) },
      { perSecond: rate('setManysPerSecond'), next: () => phased(catalogue.setMany(ranks())) },
      { perSecond: rate('getOrComputesPerSecond'), next: () => phased(catalogue.getOrCompute(rank())) },
    ];
    await openLoop({ lanes, clock, issuer, random, startUs, endUs, stopped });
    await issuer.drain(2_000);
  },
} as const satisfies GeneratedWorkload;

/** The operations on one catalogue of keys, most popular first. */
function catalogueOf(context: GeneratorContext) {
  const { adapter, issuer, tag, random } = context;
  const parameter = (name: string) => context.parameters[name] ?? 0;
  const size = parameter('catalogue');
  const key = (rank: number) => `s:${tag}:`.padEnd(30, '0') + String(rank).padStart(6, '0');
  const value = (rank: number) => padded(`s${rank}`, valueBytes(random, parameter('maxValueBytes')));

  const set = (rank: number): PlannedOperation => {
    const text = value(rank);
    return {
      kind: 'set',
      key: key(rank),
      value: `s${rank}`,
      send: () => adapter.set(key(rank), text, 'async'),
    };
  };
  const get = (rank: number): PlannedOperation => ({
    kind: 'get',
    key: key(rank),
    send: () => adapter.get(key(rank)),
    onOk: (answer) => {
      // The application's part of cache-aside; not an operation of the schedule, so not in the history.
      if (answer.value === null) void adapter.set(key(rank), value(rank), 'async').catch(() => undefined);
    },
  });
  const getMany = (ranks: readonly number[]): PlannedOperation => ({
    kind: 'getMany',
    key: key(ranks[0] ?? 0),
    batch: ranks.length,
    send: () => adapter.getMany(ranks.map(key)),
  });
  const setMany = (ranks: readonly number[]): PlannedOperation => {
    const entries = new Map(ranks.map((rank) => [key(rank), value(rank)]));
    return {
      kind: 'setMany',
      key: key(ranks[0] ?? 0),
      batch: entries.size,
      send: () => adapter.setMany(entries),
    };
  };
  const getOrCompute = (rank: number): PlannedOperation => {
    const text = value(rank);
    return {
      kind: 'getOrCompute',
      key: key(rank),
      value: `s${rank}`,
      deadlineMs: parameter('deadlineMs'),
      send: () => adapter.getOrCompute(key(rank), async () => text),
    };
  };
  issuer.remember(
    range(0, size).map((rank) => ({ key: adapter.physicalKey(key(rank)), encoding: adapter.encoding })),
  );
  return { size, parameter, get, set, getMany, setMany, getOrCompute };
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
