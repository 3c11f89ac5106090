import { expect, it } from 'vitest';
import { failovers } from '../../../harness/checkers/failovers.ts';
import {
  buildContext,
  buildHistory,
  type Events,
  fault,
  figureNumber,
  infoSample,
  observation,
} from './history-builders.ts';

const switched = (atMs: number, message = 'redis-1 to redis-2') =>
  observation('sentinel', '+switch-master', atMs, { message }, { node: 'sentinel-3' });
const SAMPLE = infoSample('redis-2', 9000, { role: 'master' });
const check = (needed: number, ...events: readonly Events[]) =>
  failovers.check(buildHistory(...events, SAMPLE), buildContext({ neededFailovers: needed }));

it('the checker compares the number of failovers with the number that was needed', () => {
  const finding = check(1, fault(2000, 6000), switched(4000), switched(4100), switched(7000, 'and back'));
  expect(figureNumber(finding, 'failovers')).toBe(2);
  expect(figureNumber(finding, 'needlessFailovers')).toBe(1);
  expect(figureNumber(finding, 'missingFailovers')).toBe(0);
  expect(figureNumber(check(1, fault(2000, 6000)), 'missingFailovers')).toBe(1);
});

it.each([
  ['before a sentinel returns', 3500, 1],
  ['after a sentinel returned', 5500, 0],
])('the checker counts failovers without a quorum: a failover %s', (_case, atMs, count) => {
  const finding = check(
    1,
    fault(2000, 5000, 'sentinel-1'),
    fault(2000, 8000, 'sentinel-2'),
    fault(3000, 7000),
    infoSample('redis-2', 4000, { role: 'replica' }),
    switched(atMs),
  );
  expect(figureNumber(finding, 'withoutQuorum')).toBe(count);
});

it('the figure for failovers without a quorum is omitted if a majority of the sentinels was always available', () => {
  const finding = check(1, fault(2000, 5000, 'sentinel-1'), fault(3000, 7000), switched(4000));
  expect(finding.figures.withoutQuorum).toBeUndefined();
});

it('the figure for failovers without a quorum is omitted if sentinels are lost one after the other', () => {
  const finding = check(
    1,
    fault(2000, 3000, 'sentinel-1'),
    fault(3500, 5000, 'sentinel-2'),
    infoSample('redis-2', 4000, { role: 'replica' }),
    switched(4500),
  );
  expect(finding.figures.withoutQuorum).toBeUndefined();
});
