import { expect, it } from 'vitest';
import { runOnce } from '../../../harness/faults/fault.ts';
import { faultById } from '../../../harness/faults/index.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';

const environmentWith = (capabilities: Environment['capabilities']) =>
  ({ substrate: 'local', capabilities }) as unknown as Environment;

it('the kill fault restarts the node once, however often it is healed', async () => {
  const done: string[] = [];
  const environment = environmentWith({
    kill: async (id) => void done.push(`kill ${id}`),
    start: async (id) => void done.push(`start ${id}`),
  });
  const { heal } = await faultById('kill').inject(environment, 'redis-1');
  await Promise.all([heal(), heal()]);
  await heal();
  expect(done).toEqual(['kill redis-1', 'start redis-1']);
});

it('the pause fault returns the heal of the substrate', async () => {
  const done: string[] = [];
  const environment = environmentWith({
    pause: async (id) => {
      done.push(`pause ${id}`);
      return async () => void done.push('resume');
    },
  });
  const { heal } = await faultById('pause').inject(environment, 'redis-2');
  await heal();
  await heal();
  expect(done).toEqual(['pause redis-2', 'resume']);
});

it.each(['kill', 'pause'])('a fault refuses to %s when the substrate cannot', async (fault) => {
  await expect(faultById(fault).inject(environmentWith({}), 'redis-1')).rejects.toMatchObject({
    code: 'FAULT_UNAVAILABLE',
  });
});

it('a failed heal is retried', async () => {
  let attempts = 0;
  const heal = runOnce(async () => {
    if (++attempts === 1) throw new Error('not yet');
  });
  await expect(heal()).rejects.toThrow('not yet');
  await heal();
  await heal();
  expect(attempts).toBe(2);
});

it('a heal resumes a node whose pause failed, and leaves running nodes unchanged', async () => {
  let state = 'paused';
  const pause = async () => async () => {
    state = 'running';
  };
  const environment = {
    ...environmentWith({ pause }),
    status: async () => [{ id: 'redis-1', state }],
  } as unknown as Environment;
  const fault = faultById('pause');
  expect(await fault.undo?.(environment, 'redis-1')).toBe(true);
  expect(state).toBe('running');
  expect(await fault.undo?.(environment, 'redis-1')).toBe(false);
});

it.each(['kill', 'pause'])(
  'a heal has nothing to undo of a %s that the substrate cannot do',
  async (fault) => {
    expect(await faultById(fault).undo?.(environmentWith({}), 'redis-1')).toBe(false);
  },
);
