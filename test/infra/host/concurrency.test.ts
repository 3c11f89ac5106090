import { expect, it } from 'vitest';
import { ConcurrencyLimit } from '../../../infra/host/concurrency.ts';

/** Operations that end when the test ends them. */
function operations(limit: ConcurrencyLimit, count: number) {
  const started: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const results = Array.from({ length: count }, (_, i) =>
    limit.run(
      () =>
        new Promise<number>((resolve, reject) => {
          started.push(i);
          ends[i] = (error) => (error === undefined ? resolve(i) : reject(error));
        }),
    ),
  );
  return { started, results, end: (i: number, error?: Error) => ends[i]?.(error) };
}

it('runs at most the given number of operations, and the others in their order', async () => {
  const { started, results, end } = operations(new ConcurrencyLimit(2), 4);
  expect(started).toEqual([0, 1]);
  end(1);
  await results[1];
  await expect.poll(() => started).toEqual([0, 1, 2]);
  end(0);
  end(2);
  await expect.poll(() => started).toEqual([0, 1, 2, 3]);
  end(3);
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3]);
});

it('passes on the error of an operation, and then runs the next one', async () => {
  const { started, results, end } = operations(new ConcurrencyLimit(1), 2);
  end(0, new Error('planted'));
  await expect(results[0]).rejects.toThrow('planted');
  await expect.poll(() => started).toEqual([0, 1]);
  end(1);
  expect(await results[1]).toBe(1);
});

it('runs an operation at once after all others have ended', async () => {
  const limit = new ConcurrencyLimit(1);
  await limit.run(async () => 1);
  const { started, results, end } = operations(limit, 1);
  expect(started).toEqual([0]);
  end(0);
  await results[0];
});
