import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A sentinel watches a master that was not rendered',
    criterion: 'configuration-drift',
    remedy: ["sentinel-2: sentinel monitor is 'other', rendered 'mymaster': SENTINEL REMOVE other"],
  },
  async (environment) => {
    const sentinel = await environment.admin('sentinel-2');
    await sentinel.call('SENTINEL', 'MONITOR', 'other', '127.0.0.1', '1', '2');
    return async () => void (await sentinel.call('SENTINEL', 'REMOVE', 'other'));
  },
);
