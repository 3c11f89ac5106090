import { expect, it } from 'vitest';
import { NumberColumn } from '../../../harness/history/store/numbers.ts';

const COUNT = 20_000;

/** Numbers that need 2, 4 and 8 bytes in turn, and fractions. */
const numberAt = (i: number): number => {
  const part = Math.floor(i / 3_000) % 4;
  if (part === 0) return 1e12 + (i % 100);
  if (part === 1) return i * 1_000_003;
  return part === 2 ? i / 7 : -i * 1e11;
};

it('a column returns the pushed numbers, whatever their size', () => {
  const column = new NumberColumn();
  for (let i = 0; i < COUNT; i++) column.push(numberAt(i));
  expect(column.length).toBe(COUNT);
  expect(Array.from({ length: COUNT }, (_, i) => column.at(i))).toEqual(
    Array.from({ length: COUNT }, (_, i) => numberAt(i)),
  );
});

it('a column returns replaced numbers, whether or not their chunk is full', () => {
  const column = new NumberColumn();
  for (let i = 0; i < COUNT; i++) {
    column.push(-1);
    if (i % 3 === 0) column.set(i, i);
  }
  for (let i = 0; i < COUNT; i += 5) column.set(i, i * 1e6);
  const expected = (i: number) => (i % 5 === 0 ? i * 1e6 : i % 3 === 0 ? i : -1);
  expect(Array.from({ length: COUNT }, (_, i) => column.at(i))).toEqual(
    Array.from({ length: COUNT }, (_, i) => expected(i)),
  );
});
