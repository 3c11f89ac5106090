import { afterEach, describe, expect, it } from 'vitest';
import { beforeTick } from '../../../infra/redis/sentinel-timer.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

describe("the wait for the moment before a sentinel's tick", () => {
  let node: RedisProcess | undefined;
  afterEach(async () => {
    await node?.[Symbol.asyncDispose]();
    node = undefined;
  });

  it('ends before the next tick, because a sentinel changes its reported frequency at each tick', async () => {
    const sentinel = await RedisProcess.start({
      sentinel: true,
      conf: ['sentinel monitor main 127.61.0.1 1 1'],
    });
    node = sentinel;
    // On a busy machine, a wait may end before it has read two frequencies.
    await waitUntil('a tick', () => beforeTick(sentinel.admin(), 20));
  });

  it('ends without success on a server with a constant frequency', async () => {
    node = await RedisProcess.start();
    expect(await beforeTick(node.admin(), 20)).toBe(false);
  });

  it('ends with the abort reason of its signal', async () => {
    node = await RedisProcess.start();
    await expect(beforeTick(node.admin(), 20, AbortSignal.abort(new Error('called off')))).rejects.toThrow(
      'called off',
    );
  });
});
