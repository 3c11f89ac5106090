import { expect, it } from 'vitest';
import { cutOffClient } from '../../../harness/checkers/cut-off-client.ts';
import {
  buildContext,
  buildHistory,
  DURABLE,
  type Events,
  fault,
  figureNumber,
  op,
  writes,
} from './history-builders.ts';

const CUT = fault(2000, 8000, 'redis-1', 'cut-clients');
const check = (...events: readonly Events[]) => cutOffClient.check(buildHistory(...events), buildContext());
const fromMemory = writes(2100, 7900, 100, { source: 'memory' });
const others = writes(2100, 7900, 100, { client: 'ioredis' });

it('the finding is valid if memory serves the client in time and Redis serves the other client', () => {
  const found = check(CUT, fromMemory, others);
  expect(found).toMatchObject({ validity: 'valid', reasons: [] });
  expect(found.figures).toMatchObject({
    overdue: { value: 0, n: 58 },
    fallbackAnswered: { successes: 58, n: 58 },
    othersFailed: { value: 0, n: 58 },
  });
});

it('the finding is unknown if Redis served the client that was cut off', () => {
  const found = check(CUT, fromMemory, op({ at: 3000, done: 3001, source: 'redis' }));
  expect(found.validity).toBe('unknown');
});

it.each([
  ['a command that ends just after its timeout of 1 s', op({ at: 3000, done: 4051, outcome: 'info' }), 1],
  ['a command that never ended', op({ at: 3000 }), 1],
  [
    'a durable write after the time for replicas as well',
    op({ at: 3000, done: 5051, durability: DURABLE, outcome: 'info' }),
    1,
  ],
  ['a command at its timeout', op({ at: 3000, done: 4050, outcome: 'info' }), 0],
  [
    'a durable write that waited for replicas',
    op({ at: 3000, done: 5050, durability: DURABLE, outcome: 'info' }),
    0,
  ],
  ['a command before the cut', op({ at: 1000, done: 4000 }), 0],
  ['a command after the heal', op({ at: 8100, done: 9900 }), 0],
  ['a command that was not sent', op({ at: 3000, outcome: 'fail', done: 6000, code: 'IN_FLIGHT_BOUND' }), 0],
])('the checker counts as overdue: %s', (_case, events, overdue) => {
  expect(figureNumber(check(CUT, fromMemory, events), 'overdue')).toBe(overdue);
});

it('the checker counts failed reads, cache writes and computed values, but not failed commands', () => {
  const failed = (kind: 'get' | 'set' | 'getOrCompute' | 'incr', more = {}) =>
    op({ at: 3000, done: 3900, kind, key: `k:${kind}`, outcome: 'fail', code: 'NOT_SENT', ...more });
  const found = check(
    CUT,
    failed('get'),
    failed('set'),
    failed('getOrCompute'),
    failed('incr'),
    failed('set', { durability: DURABLE }),
  );
  expect(found.figures.fallbackAnswered).toMatchObject({ successes: 0, n: 3 });
  expect(found).toMatchObject({ validity: 'invalid' });
});

it('the checker counts operations of other clients that failed during the cut', () => {
  const failed = op({ at: 3000, done: 3900, client: 'ioredis', outcome: 'fail', code: 'TIMEOUT' });
  expect(figureNumber(check(CUT, fromMemory, others, failed), 'othersFailed')).toBe(1);
});

it.each([
  ['was never observed', [fault(2000, 8000, 'redis-1', 'kill')]],
  ['never healed', [fault(2000, undefined, 'redis-1', 'cut-clients')]],
])('the finding is unknown if the cut %s', (_case, events) => {
  expect(check(fromMemory, ...events)).toMatchObject({ validity: 'unknown', figures: {} });
});
