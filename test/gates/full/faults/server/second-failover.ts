import { changeDuringRun } from '../../change-during-run.ts';

export const fault = changeDuringRun(
  {
    what: 'The new master is replaced as well',
    drills: ['no-quorum'],
    criterion: 'one-failover-after-quorum',
    isTimed: true,
    remedy: ['The new master was replaced, too'],
  },
  async ({ environment }) => {
    const master = await environment.masterId();
    if (master === undefined || master === 'redis-1') return false;
    await (await environment.admin('sentinel-3')).call('SENTINEL', 'FAILOVER', 'mymaster');
    return true;
  },
);
