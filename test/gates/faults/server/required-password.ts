import { adminOf, change } from '../../server.ts';

/** The directive is a second way to the password of `default`: taken back, it leaves that user without any. */
export const fault = change(
  {
    what: 'Clients without a user need another password',
    criterion: 'configuration-drift',
    remedy: ['redis-2: requirepass is ', 'digest:'],
  },
  async (environment) => {
    const admin = await adminOf(environment, 'redis-2');
    await admin.config('SET', 'requirepass', 'planted-password');
    return async () => {
      await admin.config('SET', 'requirepass', '');
      await admin.call('ACL', 'LOAD');
    };
  },
);
