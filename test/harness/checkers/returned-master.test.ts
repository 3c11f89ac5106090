import { expect, it } from 'vitest';
import { returnedMaster } from '../../../harness/checkers/returned-master.ts';
import {
  buildContext,
  buildHistory,
  type Events,
  fault,
  figureNumber,
  finalRead,
  observation,
} from './history-builders.ts';

const probe = (at: number, writable: boolean, node = 'redis-1') =>
  observation('drill', 'returned', at, { role: 'master', writable }, { node });
const HANG = fault(2000, 6000, 'redis-1', 'pause');
const check = (...events: readonly Events[]) => returnedMaster.check(buildHistory(...events), buildContext());

it('the checker measures the time from the healing to the last write that the deposed master accepted', () => {
  const found = check(HANG, probe(6050, true), probe(7500, true), probe(7550, false), finalRead([]));
  expect(figureNumber(found, 'writableMs')).toBe(1500);
  expect(found.reasons).toEqual(['redis-1 accepted writes until 1500 ms after its return']);
});

it('the time is 0 if every write was refused', () => {
  expect(figureNumber(check(HANG, probe(6050, false), finalRead([])), 'writableMs')).toBe(0);
});

it.each([
  ['the node is master in the final read', [HANG, probe(6050, true), finalRead([], {}, 'redis-1')]],
  ['no probe was recorded', [HANG, finalRead([])]],
  ['there is no final read', [HANG, probe(6050, true)]],
])('the finding is unknown if %s', (_case, events) => {
  expect(check(...events).validity).toBe('unknown');
});
