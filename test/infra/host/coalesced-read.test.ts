import { expect, it } from 'vitest';
import { coalescedRead } from '../../../infra/host/coalesced-read.ts';

/** Reads that remain in progress until the test resolves or rejects them. */
function manualReads() {
  const ends: { resolve: (value: number) => void; reject: (error: Error) => void }[] = [];
  const read = coalescedRead(
    () => new Promise<number>((resolve, reject) => void ends.push({ resolve, reject })),
  );
  return { ends, read };
}

it('callers that arrive during a read share one subsequent read', async () => {
  const { ends, read } = manualReads();
  const first = read();
  const later = [read(), read(), read()];
  expect(ends).toHaveLength(1);
  ends[0]?.resolve(1);
  expect(await first).toBe(1);
  await expect.poll(() => ends.length).toBe(2);
  ends[1]?.resolve(2);
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  expect(ends).toHaveLength(2);
});

it('a failed read is repeated by the next call, and no result is cached', async () => {
  const { ends, read } = manualReads();
  const first = read();
  const second = read();
  ends[0]?.reject(new Error('no engine'));
  await expect(first).rejects.toThrow('no engine');
  await expect.poll(() => ends.length).toBe(2);
  ends[1]?.resolve(2);
  expect(await second).toBe(2);
  const third = read();
  expect(ends).toHaveLength(3);
  ends[2]?.resolve(3);
  expect(await third).toBe(3);
});
