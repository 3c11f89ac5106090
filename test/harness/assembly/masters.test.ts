import { expect, it } from 'vitest';
import { assembleEvents, assembleMasters } from '../../../harness/assembly/masters.ts';
import { buildHistory, fault, observation, op } from '../checkers/history-builders.ts';

const role = (node: string, atMs: number, is: 'master' | 'slave') =>
  observation('info', 'sample', atMs, { role: is }, { node });
const published = (name: string, atMs: number, message = 'master mymaster') =>
  observation('sentinel', name, atMs, { message }, { node: 'sentinel-1' });
/** Time 0 of a trial is the intended start of its first operation. */
const start = op({ at: 0, done: 1 });

it("a master's term ends when it crashes, and the next begins with the promotion that Sentinel reported", () => {
  const history = buildHistory(
    start,
    [0, 1000, 2000].map((atMs) => role('redis-1', atMs, 'master')),
    [0, 1000, 2000, 3000].map((atMs) => role('redis-2', atMs, 'slave')),
    fault(2300, 6000),
    published('+promoted-slave', 3400),
    [4000, 5000].map((atMs) => role('redis-2', atMs, 'master')),
    role('redis-1', 6100, 'slave'),
  );
  expect(assembleMasters(history)).toEqual([
    { node: 'redis-1', fromMs: 0, toMs: 2300 },
    { node: 'redis-2', fromMs: 3400, toMs: null },
  ]);
});

it('a master that hangs and resumes as master is listed twice, with its successor in between', () => {
  const history = buildHistory(
    start,
    [0, 1000].map((atMs) => role('redis-1', atMs, 'master')),
    fault(1500, 6000, 'redis-1', 'pause'),
    [3000, 4000, 5000, 6000, 7000].map((atMs) => role('redis-2', atMs, 'master')),
    role('redis-1', 6100, 'master'),
    role('redis-1', 6500, 'slave'),
  );
  expect(assembleMasters(history)).toEqual([
    { node: 'redis-1', fromMs: 0, toMs: 1500 },
    { node: 'redis-2', fromMs: 3000, toMs: null },
    { node: 'redis-1', fromMs: 6100, toMs: 6500 },
  ]);
});

it('faults, their healing and failover events are listed in order, without routine Sentinel messages', () => {
  const history = buildHistory(
    start,
    published('+odown', 3000, 'master mymaster 127.0.0.1 6379 #quorum 2/2'),
    published('__sentinel__:hello', 3100),
    published('+sentinel', 100),
    fault(2000, 5000),
  );
  expect(assembleEvents(history).map(({ tMs, label, source }) => [tMs, label, source])).toEqual([
    [2000, 'kill injected', 'fault'],
    [3000, '+odown', 'sentinel'],
    [5000, 'kill healed', 'fault'],
  ]);
});

it('a trial without samples has no masters and no events', () => {
  expect(assembleMasters(buildHistory(start))).toEqual([]);
  expect(assembleEvents(buildHistory(start))).toEqual([]);
});
