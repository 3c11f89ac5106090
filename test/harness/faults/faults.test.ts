import { expect, it } from 'vitest';
import { runOnce } from '../../../harness/faults/fault.ts';
import { faultById } from '../../../harness/faults/index.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';

const environmentWith = (capabilities: Environment['capabilities']) =>
  ({ substrate: 'local', capabilities }) as unknown as Environment;

it.each(['kill', 'stop'])(
  'the fault %s restarts the node once, even if it is healed repeatedly',
  async (id) => {
    const done: string[] = [];
    const environment = environmentWith({
      kill: async (node) => void done.push(`kill ${node}`),
      stop: async (node) => void done.push(`stop ${node}`),
      start: async (node) => void done.push(`start ${node}`),
    });
    const { heal } = await faultById(id).inject(environment, 'redis-1');
    await Promise.all([heal(), heal()]);
    await heal();
    expect(done).toEqual([`${id} redis-1`, 'start redis-1']);
  },
);

it.each([
  ['partition', ['redis-1']],
  ['partition-minority', ['redis-1', 'sentinel-1']],
])(
  'the fault %s separates %j from the other nodes, while clients still reach both sides',
  async (id, group) => {
    const done: unknown[] = [];
    const environment = environmentWith({
      partition: async (nodes, options) => {
        done.push(nodes, options);
        return async () => void done.push('healed');
      },
    });
    const { heal } = await faultById(id).inject(environment, 'redis-1');
    await heal();
    await heal();
    expect(done).toEqual([group, { clientsStillReach: true }, 'healed']);
  },
);

it("the pause fault returns the substrate's heal function", async () => {
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

const DEPENDENT = [
  'kill',
  'stop',
  'pause',
  'rolling-replace',
  'partition',
  'partition-minority',
  'cut-clients',
];

it.each(DEPENDENT)('the fault %s is refused if the substrate does not support it', async (fault) => {
  await expect(faultById(fault).inject(environmentWith({}), 'redis-1')).rejects.toMatchObject({
    code: 'FAULT_UNAVAILABLE',
  });
});

it('a heal function that failed can be called again', async () => {
  let attempts = 0;
  const heal = runOnce(async () => {
    if (++attempts === 1) throw new Error('not yet');
  });
  await expect(heal()).rejects.toThrow('not yet');
  await heal();
  await heal();
  expect(attempts).toBe(2);
});

it('undo resumes a paused node even if no pause was recorded, and leaves running nodes unchanged', async () => {
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

it.each(['kill', 'stop', 'pause'])(
  'undo does nothing for a %s that the substrate does not support',
  async (fault) => {
    expect(await faultById(fault).undo?.(environmentWith({}), 'redis-1')).toBe(false);
  },
);
