import { expect, it } from 'vitest';
import { assembleTimeline, binWidthMs, originUs } from '../../../harness/assembly/timeline.ts';
import { MAX_TIME_MS } from '../../../harness/evidence/limits.ts';
import { buildHistory, observation, op } from '../checkers/history-builders.ts';

it('a timeline has about as many bins for a one-month trial as for a one-minute trial', () => {
  for (const lastsMs of [60_000, 3_600_000, 86_400_000, MAX_TIME_MS - 10]) {
    const long = buildHistory(op({ at: 0, done: 1 }), op({ at: lastsMs - 1, done: lastsMs }));
    const width = binWidthMs(long);
    const bins = assembleTimeline(long, 'kit', width);
    expect(bins.length, `${lastsMs} ms`).toBeGreaterThan(20);
    expect(bins.length, `${lastsMs} ms`).toBeLessThanOrEqual(122);
    expect(bins.reduce((sum, { ok }) => sum + ok, 0)).toBe(2);
  }
});

it('a timeline finds the first of any number of observations', () => {
  const many = Array.from({ length: 200_000 }, (_, i) => observation('client', 'lost', 200_000 - i));
  expect(originUs(buildHistory(many))).toBe(1_000);
});
