import { change, follow, isReplica } from '../../server-fault-builders.ts';

export const fault = change(
  {
    what: 'A replica copies from another replica',
    criterion: 'roles',
    remedy: ['redis-3: it follows ', 'the master is ', 'REPLICAOF'],
  },
  async (environment) => {
    await follow(environment, 'redis-3', 'redis-2');
    return () => isReplica(environment, 'redis-3');
  },
);
