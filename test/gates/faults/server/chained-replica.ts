import { awaitReplica, changeFault, makeReplicaOf } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A replica copies from another replica',
    criterion: 'roles',
    remedy: ['redis-3: it follows ', 'the master is ', 'REPLICAOF'],
  },
  async (environment) => {
    await makeReplicaOf(environment, 'redis-3', 'redis-2');
    return () => awaitReplica(environment, 'redis-3');
  },
);
