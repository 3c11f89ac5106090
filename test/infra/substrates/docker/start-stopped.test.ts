/** Parts that are started together: the order in which they start, and their errors. */
import { expect, it } from 'vitest';
import { KitError } from '../../../../config/errors.ts';
import { startAll } from '../../../../infra/substrates/docker/start-stopped.ts';

it('a part that waits for another part does not delay the start of that part', async () => {
  const sentinel = Promise.withResolvers<void>();
  const running: string[] = [];
  await startAll(['redis-1', 'sentinel-2'], async (id) => {
    if (id === 'redis-1') await sentinel.promise;
    else sentinel.resolve();
    running.push(id);
  });
  expect(running.sort()).toEqual(['redis-1', 'sentinel-2']);
});

it('the start waits for every part, and throws the error of the part that failed', async () => {
  const running: string[] = [];
  const failure = new KitError('no such container', { code: 'DOCKER_FAILED', exitCode: 1 });
  const start = async (id: string) => {
    if (id === 'redis-1') throw failure;
    await new Promise(setImmediate);
    running.push(id);
  };
  await expect(startAll(['redis-1', 'redis-2'], start)).rejects.toBe(failure);
  expect(running).toEqual(['redis-2']);
});

it('the start names all failed parts in one error', async () => {
  const start = async (id: string) => {
    throw new KitError(`timed out waiting for ${id} to reply`, { code: 'NOT_HEALTHY', exitCode: 3 });
  };
  await expect(startAll(['redis-1', 'sentinel-2'], start)).rejects.toMatchObject({
    code: 'NOT_HEALTHY',
    exitCode: 3,
    message: 'timed out waiting for redis-1 to reply; timed out waiting for sentinel-2 to reply',
  });
});
