import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A slot migration was not finished',
    group: 'cluster',
    criterion: 'roles',
    remedy: ['slots in migration', 'CLUSTER SETSLOT with STABLE'],
  },
  async (environment) => {
    const [from, to] = (await environment.cluster?.shards()) ?? [];
    const [slot] = from?.slots[0] ?? [];
    const source = await environment.admin(from?.master ?? '');
    const id = String(await (await environment.admin(to?.master ?? '')).call('CLUSTER', 'MYID'));
    await source.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', id);
    return async () => void (await source.call('CLUSTER', 'SETSLOT', String(slot), 'STABLE'));
  },
);
