import { changeDuringRun } from '../../change-during-run.ts';

export const fault = changeDuringRun(
  {
    what: 'The sentinels depose a healthy master when a replica is lost',
    drills: ['replica-crash'],
    criterion: 'no-needless-failover',
    isTimed: true,
    remedy: ['each failover loses the last asynchronous'],
  },
  async ({ environment, isRunning }) => {
    const nodes = await environment.status();
    if (nodes.every(isRunning)) return false;
    await (await environment.admin('sentinel-1')).call('SENTINEL', 'FAILOVER', 'mymaster');
    return true;
  },
);
