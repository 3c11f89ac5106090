import { changeFault, connectAdmin } from '../../server-fault-builders.ts';

/** requirepass sets the password of the user `default`. Removing the directive leaves that user without a password. */
export const fault = changeFault(
  {
    what: 'Clients without a user need another password',
    criterion: 'configuration-drift',
    remedy: ['redis-2: requirepass is ', 'digest:'],
  },
  async (environment) => {
    const admin = await connectAdmin(environment, 'redis-2');
    await admin.config('SET', 'requirepass', 'planted-password');
    return async () => {
      await admin.config('SET', 'requirepass', '');
      await admin.call('ACL', 'LOAD');
    };
  },
);
