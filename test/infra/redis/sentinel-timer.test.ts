import { afterEach, describe, expect, it } from 'vitest';
import { beforeTick } from '../../../infra/redis/sentinel-timer.ts';
import { RedisProcess } from '../../support/redis-process.ts';

describe('the wait for the moment before a tick of a sentinel', () => {
  let node: RedisProcess | undefined;
  afterEach(async () => {
    await node?.[Symbol.asyncDispose]();
    node = undefined;
  });

  it('ends, since a sentinel reports the frequency that it drew at its last tick', async () => {
    node = await RedisProcess.start({ sentinel: true, conf: ['sentinel monitor main 127.61.0.1 1 1'] });
    expect(await beforeTick(node.admin(), 20)).toBe(true);
  });

  it('gives up on a server whose frequency is constant', async () => {
    node = await RedisProcess.start();
    expect(await beforeTick(node.admin(), 20)).toBe(false);
  });

  it('ends with the reason of its signal', async () => {
    node = await RedisProcess.start();
    await expect(beforeTick(node.admin(), 20, AbortSignal.abort(new Error('called off')))).rejects.toThrow(
      'called off',
    );
  });
});
