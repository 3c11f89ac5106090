import { changeDuringRun } from '../../change-during-run.ts';

export const fault = changeDuringRun(
  {
    what: 'Another process promotes a replica while two sentinels are lost',
    drills: ['no-quorum'],
    criterion: 'no-failover-without-quorum',
    remedy: ['another process that sends REPLICAOF'],
  },
  async ({ environment, isRunning }) => {
    const lost = (await environment.status()).filter((node) => !isRunning(node)).map(({ id }) => id);
    if (!['sentinel-1', 'sentinel-2', 'redis-1'].every((id) => lost.includes(id))) return false;
    await (await environment.admin('redis-2')).replicaof('NO', 'ONE');
    return true;
  },
);
