import { expect, it } from 'vitest';
import { RecentRead } from '../../../infra/host/recent-read.ts';

function countingRead() {
  let nowMs = 0;
  let reads = 0;
  const gate = { wait: Promise.resolve() };
  const recent = new RecentRead(
    async () => {
      const result = ++reads;
      await gate.wait;
      return result;
    },
    () => nowMs,
  );
  return {
    recent,
    gate,
    passTime: (ms: number) => {
      nowMs += ms;
    },
  };
}

it('a recent read is repeated for a caller that specifies no maximum age', async () => {
  const { recent } = countingRead();
  expect([await recent.read(), await recent.read()]).toEqual([1, 2]);
});

it('a recent read returns the last result within its maximum age, and reads again afterwards', async () => {
  const { recent, passTime } = countingRead();
  expect(await recent.read(1_000)).toBe(1);
  passTime(999);
  expect(await recent.read(1_000)).toBe(1);
  passTime(1);
  expect(await recent.read(1_000)).toBe(2);
});

it('a recent read returns no result from before a change', async () => {
  const { recent } = countingRead();
  await recent.read();
  recent.forget();
  expect(await recent.read(1_000)).toBe(2);
});

it('a recent read does not keep the result of a read that began before a change', async () => {
  const { recent, gate } = countingRead();
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.wait = promise;
  const early = recent.read();
  recent.forget();
  resolve();
  expect(await early).toBe(1);
  expect(await recent.read(1_000)).toBe(2);
});
