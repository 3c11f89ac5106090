import { expect, it } from 'vitest';
import { settlement } from '../../../harness/checkers/settlement.ts';
import type { HistoryEvent, InvokeEvent } from '../../../harness/history/events.ts';
import {
  buildContext,
  buildHistory,
  DURABLE,
  type Events,
  figureNumber,
  machineSamples,
  type Op,
  op,
} from './history-builders.ts';

const check = (...events: readonly Events[]) => settlement.check(buildHistory(...events), buildContext());
/** A set without an explicit deadline. */
const set = (at: number, done?: number, more: Partial<Op> = {}) =>
  op({ at, ...(done !== undefined && { done }), ...more }).map((event) => {
    const { deadlineMs: _default, ...rest } = event as InvokeEvent;
    return rest as HistoryEvent;
  });
const LAST = set(9000, 9001);

it('the checker counts an operation that never settles', () => {
  const found = check(set(1000), LAST);
  expect([found.validity, figureNumber(found, 'unsettled')]).toEqual(['invalid', 1]);
  expect(found.reasons[0]).toContain('set w:1000');
});

it('the checker does not count an operation whose deadline is after the end of the load', () => {
  const found = check(set(8500), LAST);
  expect([found.validity, figureNumber(found, 'unsettled')]).toEqual(['valid', 0]);
});

it.each([
  ['a set 50 ms after the client timeout', set(1000, 2050), 0],
  ['a set 51 ms after the client timeout', set(1000, 2051), 1],
  ['a failure 51 ms after the client timeout', set(1000, 2051, { outcome: 'fail', code: 'NOT_SENT' }), 1],
  [
    'a durable write within the timeout for replicas',
    set(1000, 3050, { durability: DURABLE, replicas: 1 }),
    0,
  ],
  [
    'a durable write after the timeout for replicas',
    set(1000, 3051, { durability: DURABLE, replicas: 1 }),
    1,
  ],
  ['a load 50 ms after the deadline of its caller', op({ at: 1000, done: 1550, kind: 'getOrCompute' }), 0],
  ['a load 51 ms after the deadline of its caller', op({ at: 1000, done: 1551, kind: 'getOrCompute' }), 1],
])('the checker judges correctly: %s', (_case, events, count) => {
  const found = check(events, LAST);
  expect([found.validity, figureNumber(found, 'pastDeadline')]).toEqual([
    count > 0 ? 'invalid' : 'valid',
    count,
  ]);
});

it.each([
  ['a late timer', { timersMs: '0.3 12' }, 1, 0],
  ['waits for a CPU that add up to the excess', { timersMs: '0.3', waitsMs: 'client-kit=6' }, 1, 0],
  ['waits that add up to less', { timersMs: '0.3', waitsMs: 'client-kit=4' }, 0, 1],
  ['a wait of another thread', { timersMs: '0.3', waitsMs: 'redis-1=50' }, 0, 1],
])(
  'the checker attributes a late operation to the machine only with a sufficient cause: %s',
  (_case, sample, byMachine, own) => {
    const found = check(set(1000, 2060), LAST, machineSamples(10_000, sample));
    expect(figureNumber(found, 'lateByMachine')).toBe(byMachine);
    expect(figureNumber(found, 'pastDeadline')).toBe(own);
  },
);

it('the finding is unknown without an operation', () => {
  expect(check(machineSamples(1000)).validity).toBe('unknown');
});
