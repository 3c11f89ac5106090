/**
 * Bounds on the machine are compared with its samples. Each signal is compared individually, and only signals of the
 * machine count.
 */
import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../config/gates.ts';
import type { CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import { findUnsoundness, incompleteUnsoundness } from '../../../harness/gates/soundness.ts';
import { BOUNDS, buildGate, valueFigure } from './gate-builders.ts';

type Signals = Readonly<Record<string, number>>;

const CALM: Signals = {
  timerP99Ms: 1,
  timerMaxMs: 3,
  controlMachineP99Ms: 1,
  waitHarnessMaxMs: 3,
  waitClientMaxMs: 3,
  waitServerMaxMs: 3,
  diskMaxMs: 3,
  stealRatio: 0,
  runnablePerCore: 0.5,
};
const ON_TIME: Signals = { latenessP99Ms: 1, latenessMaxMs: 3 };

function result(checker: string, signals: Signals, client = 'kit'): CheckResult {
  const figures: Record<string, Figure> = Object.fromEntries(
    Object.entries(signals).map(([name, amount]) => [name, valueFigure(amount)]),
  );
  return { checker, drill: 'drill', trial: 1, client, validity: 'valid', reasons: [], figures };
}

const seen = (machine: Signals = {}, generator: Signals = {}) => ({
  results: [result('machine', { ...CALM, ...machine }), result('generator', { ...ON_TIME, ...generator })],
});
const timed = (timing: Gate['timing']) => buildGate({ timing });
const P99 = timed({ latenessP99MaxMs: 5 });
const WORST = timed({ latenessMaxMs: 50 });
const SWITCH = timed({ fsyncMaxMs: 20 });
const CONTROL = buildGate({ timing: { controlMaxShare: 0.5 }, target: { op: '<', value: 10 } });

describe('the machine check', () => {
  it.each([
    ['p99', P99],
    ['the worst', WORST],
    ['the control', CONTROL],
  ])('passes on an idle machine, by %s', (_what, one) => {
    expect(findUnsoundness(one, BOUNDS, seen())).toBeUndefined();
  });

  it.each([
    [
      'a generator that sends late',
      P99,
      {},
      { latenessP99Ms: 6 },
      /sends of the generator 6 ms late at p99, limit 5/,
    ],
    [
      'timers that fire late',
      P99,
      { timerP99Ms: 7 },
      {},
      /timers of an idle thread 7 ms late at p99, limit 5 ms/,
    ],
    [
      'one late send',
      WORST,
      {},
      { latenessMaxMs: 51 },
      /a send of the generator 51 ms late at worst, limit 50 ms/,
    ],
    ['a slow disk', SWITCH, { diskMaxMs: 21 }, {}, /a bare fsync took 21 ms at worst, limit 20 ms/],
    ['one late timer', WORST, { timerMaxMs: 60 }, {}, /a timer of an idle thread 60 ms/],
    ['a server that waits for a CPU', WORST, { waitServerMaxMs: 80 }, {}, /a server waiting for a CPU 80 ms/],
    [
      'a harness that waits for a CPU',
      WORST,
      { waitHarnessMaxMs: 80 },
      {},
      /a thread of the harness waiting/,
    ],
    ['a client that waits for a CPU', WORST, { waitClientMaxMs: 80 }, {}, /the thread of the client waiting/],
    [
      'a machine that uses half of the target',
      CONTROL,
      { controlMachineP99Ms: 2.1 },
      { latenessP99Ms: 3 },
      /delays the sends by 3 ms and a bare round trip by 2.1 ms at p99, limit for both together 50 % of the target of 10 ms/,
    ],
    [
      'a hypervisor that takes CPU time',
      P99,
      { stealRatio: 0.06 },
      {},
      /hypervisor took 6 % of the CPU time, limit 5 %/,
    ],
    ['a long run queue', P99, { runnablePerCore: 2.1 }, {}, /2.1 runnable threads per core, limit 2/],
  ])('fails with %s', (_what, one, machine, generator, reason) => {
    const found = findUnsoundness(one, BOUNDS, seen(machine, generator));
    expect(found?.reason).toMatch(reason);
    expect(found?.remedy).toMatch(/Run again on an idle machine/);
  });

  it('passes for values up to each bound', () => {
    const most = { timerP99Ms: 5, timerMaxMs: 50, waitServerMaxMs: 50, stealRatio: 0.05, runnablePerCore: 2 };
    for (const one of [P99, WORST]) {
      expect(
        findUnsoundness(one, BOUNDS, seen(most, { latenessP99Ms: 5, latenessMaxMs: 50 })),
      ).toBeUndefined();
    }
    expect(
      findUnsoundness(CONTROL, BOUNDS, seen({ controlMachineP99Ms: 2 }, { latenessP99Ms: 3 })),
    ).toBeUndefined();
  });

  it('reports the load of the machine if it fails', () => {
    const found = findUnsoundness(
      P99,
      BOUNDS,
      seen({ timerP99Ms: 9, runnablePerCore: 1.9, othersRatio: 0.83 }),
    );
    expect(found?.reason).toMatch(
      /\(1.9 runnable threads per core, 83 % of the CPU time used by other programs\)$/,
    );
  });

  it('never excuses a gate without timing', () => {
    const worst = seen({ timerP99Ms: 999, timerMaxMs: 999, stealRatio: 0.9, runnablePerCore: 99 });
    expect(findUnsoundness(timed(false), BOUNDS, worst)).toBeUndefined();
  });

  it('does not depend on the speed of the server, the client or the event loop', () => {
    const slow = { controlP50Ms: 900, controlP99Ms: 999, loopClientMaxMs: 999, loopGeneratorMaxMs: 999 };
    for (const one of [P99, WORST, CONTROL]) expect(findUnsoundness(one, BOUNDS, seen(slow))).toBeUndefined();
  });

  it('considers only the judged client', () => {
    const others = [result('machine', { ...CALM, timerP99Ms: 99 }, 'ioredis')];
    expect(findUnsoundness(P99, BOUNDS, { results: [...others, ...seen().results] })).toBeUndefined();
  });

  it('fails without samples, but a script needs no generator samples', () => {
    const [machine, generator] = seen().results as [CheckResult, CheckResult];
    expect(findUnsoundness(P99, BOUNDS, { results: [generator] })?.reason).toBe(
      'the machine was not sampled',
    );
    expect(findUnsoundness(P99, BOUNDS, { results: [machine] })?.reason).toMatch(
      /lateness of the generator is not/,
    );
    expect(findUnsoundness(P99, BOUNDS, { results: [machine], scripted: true })).toBeUndefined();
  });

  it('applies the strictest bounds to an incomplete trial', () => {
    expect(incompleteUnsoundness(BOUNDS, seen())).toBeUndefined();
    expect(incompleteUnsoundness(BOUNDS, { results: [] })).toBeUndefined();
    expect(incompleteUnsoundness(BOUNDS, seen({ timerMaxMs: 101 }))?.reason).toMatch(/101 ms late at worst/);
    expect(incompleteUnsoundness(BOUNDS, seen({ runnablePerCore: 3 }))?.reason).toMatch(/3 runnable threads/);
  });
});
