import { describe, expect, it } from 'vitest';
import { redisCache } from '../../../client/index.ts';
import { DeadlineTimer } from '../../../client/load/deadline-timer.ts';
import { RedisProcess } from '../../support/redis-process.ts';

describe('a deadline timer', () => {
  it('returns a result that is in time; otherwise returns a substitute, and passes on the late result', async () => {
    const deadlines = new DeadlineTimer();
    expect(
      await deadlines.limit(
        Promise.resolve('in time'),
        1_000,
        () => 'instead',
        () => {},
      ),
    ).toBe('in time');
    await expect(
      deadlines.limit(
        Promise.reject(new Error('refused')),
        1_000,
        () => 'instead',
        () => {},
      ),
    ).rejects.toThrowError('refused');
    let finish = (_: string): void => {};
    const work = new Promise<string>((resolve) => {
      finish = resolve;
    });
    let late: string | undefined;
    const handedOver = new Promise<void>((resolve) => {
      const limited = deadlines.limit(
        work,
        10,
        () => 'instead',
        (result) => {
          late = result;
          resolve();
        },
      );
      void limited.then((answer) => finish(`${answer} of this`));
    });
    await handedOver;
    expect(late).toBe('instead of this');
  });

  it('restarts the deadline when the work makes progress', async () => {
    const deadlines = new DeadlineTimer();
    let [steps, asked] = [0, 0];
    const answer = await deadlines.limit(
      new Promise(() => {}),
      1,
      () => steps,
      () => {},
      () => {
        asked += 1;
        // The work makes progress three times in a row, then stops.
        if (asked > 1 && steps < 3) steps += 1;
        return steps;
      },
    );
    expect([answer, asked]).toEqual([3, 5]);
    deadlines.stop();
  });

  it('applies while Redis hangs: every getOrCompute returns the value of its loader', async () => {
    await using redis = await RedisProcess.start({});
    const cache = redisCache({ address: redis.address, namespace: 'hang' });
    await cache.ping();
    await cache.set('k', 'stored');
    redis.pause();
    try {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          // Reading the versions of tags must not cause a wait either.
          cache.getOrComputeEntry(`k${i}`, () => i, i < 10 ? {} : { tags: [`t${i}`] }),
        ),
      );
      expect(answers.map(({ value }) => value)).toEqual(Array.from({ length: 20 }, (_, i) => i));
      expect(new Set(answers.map(({ source }) => source))).toEqual(new Set(['loader']));
      // All calls returned before the timeout of their commands, so no error is counted.
      expect(cache.stats().errors).toBe(0);
    } finally {
      redis.resume();
    }
    await cache.close();
  });
});
