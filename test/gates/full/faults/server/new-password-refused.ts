import { changeDuringRun } from '../../change-during-run.ts';

export const fault = changeDuringRun(
  {
    what: 'One replica refuses the new password during a rotation',
    drills: ['runbook'],
    criterion: 'runbook',
    remedy: ['docs/runbook.md'],
  },
  async ({ environment }) => {
    const redis = await environment.admin('redis-3');
    const user = (await redis.call('ACL', 'GETUSER', 'app')) as readonly unknown[];
    const passwords = user[user.indexOf('passwords') + 1] as readonly string[];
    const added = passwords[1];
    if (added === undefined) return false;
    await redis.call('ACL', 'SETUSER', 'app', `!${added}`);
    return true;
  },
);
