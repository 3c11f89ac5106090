import { describe, expect, it } from 'vitest';
import type { ObservationEvent } from '../../../harness/history/events.ts';
import { ObservationTable } from '../../../harness/history/store/observations.ts';

const observation = (atUs: number, more: Partial<ObservationEvent> = {}): ObservationEvent => ({
  ...{ type: 'observe', from: 'client', name: 'close', atUs },
  ...more,
});

function stored(events: readonly ObservationEvent[]) {
  const table = new ObservationTable();
  for (const event of events) table.add(event);
  return table.sorted();
}

describe('the observations of a history', () => {
  it('are returned with all of their fields', () => {
    const events = [
      observation(1),
      observation(2, { client: 'kit', data: { reason: 'timeout' } }),
      observation(3, {
        from: 'info',
        name: 'sample',
        node: 'redis-1',
        data: { usedMemory: 5.5, role: null },
      }),
      observation(4, { client: 'kit', data: { message: 'x'.repeat(1_000) } }),
      observation(5, { client: 'kit', data: { reason: 'timeout' } }),
      observation(6, { data: {} }),
    ];
    expect([...stored(events)]).toStrictEqual(events);
  });

  it('are ordered by time, and in the recorded order if the times are equal', () => {
    const events = [
      [3, 'a'],
      [1, 'b'],
      [3, 'c'],
      [2, 'd'],
      [1, 'e'],
    ] as const;
    const seen = stored(events.map(([atUs, name]) => observation(atUs, { name })));
    expect(seen.map(({ name }) => name)).toEqual(['b', 'e', 'd', 'a', 'c']);
  });

  it('keep their own data even if there are too many distinct values to share', () => {
    const events = Array.from({ length: 5_000 }, (_, i) =>
      observation(i, { name: `n${i % 3_000}`, data: { i } }),
    );
    expect([...stored(events)]).toStrictEqual(events);
  });

  it('are queried like an array', () => {
    const events = [1, 2, 3, 4].map((atUs) => observation(atUs, { name: `n${atUs % 2}` }));
    const list = stored(events);
    const isOdd = ({ name }: ObservationEvent) => name === 'n1';
    expect(list.length).toBe(4);
    expect([list.at(0), list.at(-1), list.at(4)]).toEqual([events[0], events[3], undefined]);
    expect(list.filter(isOdd)).toEqual(events.filter(isOdd));
    expect(list.flatMap(({ atUs }) => (atUs > 2 ? [atUs, -atUs] : []))).toEqual([3, -3, 4, -4]);
    expect([list.find(isOdd), list.findLast(isOdd)]).toEqual([events[0], events[2]]);
    expect([list.some(isOdd), list.every(isOdd)]).toEqual([true, false]);
    expect(list.find(({ atUs }) => atUs > 9)).toBeUndefined();
  });
});
