import { changeDuringRun } from '../../change-during-run.ts';

let first: string | undefined;

export const fault = changeDuringRun(
  {
    what: 'The new master is replaced as well',
    drills: ['no-quorum'],
    criterion: 'one-failover-after-quorum',
    isTimed: true,
    remedy: ['The new master was also replaced'],
  },
  async ({ environment }) => {
    const sentinel = await environment.admin('sentinel-3');
    const master = String(await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster'));
    first ??= master;
    if (master === first) return false;
    await sentinel.call('SENTINEL', 'FAILOVER', 'mymaster');
    return true;
  },
);
