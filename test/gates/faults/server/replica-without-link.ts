import { awaitReplica, changeFault, connectAdmin } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A replica cannot log in to its master',
    criterion: 'roles',
    remedy: ['redis-3: its link to the master is ', 'masterauth'],
  },
  async (environment) => {
    const admin = await connectAdmin(environment, 'redis-3');
    const [, password = ''] = (await admin.config('GET', 'masterauth')) as string[];
    await admin.config('SET', 'masterauth', 'planted-password');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'master');
    return async () => {
      await admin.config('SET', 'masterauth', password);
      await awaitReplica(environment, 'redis-3');
    };
  },
);
