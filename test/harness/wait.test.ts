import { expect, it } from 'vitest';
import { openConditionWaits, pause, waitUntil, withTimeout } from '../../harness/wait.ts';

it('a wait returns a value as soon as it is available', async () => {
  let looks = 0;
  const seen = await waitUntil('the third look', () => (++looks === 3 ? 'third' : undefined), {
    boundMs: 5_000,
    everyMs: 1,
  });
  expect([seen, looks]).toEqual(['third', 3]);
});

it('a wait that times out reports the awaited condition, the time, and the last error', async () => {
  const look = async () => {
    throw new Error('ECONNREFUSED');
  };
  await expect(waitUntil('the moon', look, { boundMs: 30, everyMs: 5 })).rejects.toThrow(
    'timed out after 30 ms waiting for the moon; last error: ECONNREFUSED',
  );
});

it('a wait ends immediately when its signal aborts', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const waits = [
    waitUntil('never', () => false, { boundMs: 60_000, signal: controller.signal }),
    pause(60_000, controller.signal),
    withTimeout('never', new Promise(() => undefined), { boundMs: 60_000, signal: controller.signal }),
  ];
  controller.abort(reason);
  for (const wait of waits) await expect(wait).rejects.toBe(reason);
  await expect(
    withTimeout('late', Promise.resolve(1), { boundMs: 1, signal: controller.signal }),
  ).rejects.toBe(reason);
});

it('a wait that times out abandons its promise, and ignores a later rejection', async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await expect(withTimeout('an answer', promise, { boundMs: 10 })).rejects.toThrow(
    'timed out after 10 ms waiting for an answer',
  );
  reject(new Error('too late to matter'));
  await expect(withTimeout('an answer', Promise.resolve('yes'), { boundMs: 1_000 })).resolves.toBe('yes');
});

it('waits of a script are short after one of them has timed out', async () => {
  const awaitCondition = openConditionWaits();
  const at = async (boundMs: number, what: () => boolean) => {
    const startedAt = performance.now();
    const isSettled = await awaitCondition('a condition', async () => what(), boundMs);
    return [isSettled, performance.now() - startedAt < 10_000];
  };
  expect(await at(60_000, () => true)).toEqual([true, true]);
  expect(await at(30, () => false)).toEqual([false, true]);
  expect(await at(60_000, () => false)).toEqual([false, true]);
  expect(await at(60_000, () => true)).toEqual([true, true]);
});
