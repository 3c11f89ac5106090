import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A sentinel sends another name instead of SLAVEOF',
    criterion: 'configuration-drift',
    remedy: ["sentinel-3: sentinel rename-command is 'mymaster SLAVEOF x', rendered ''"],
  },
  async (environment) => {
    const sentinel = await environment.admin('sentinel-3');
    const rename = async (name: string) =>
      void (await sentinel.call('SENTINEL', 'SET', 'mymaster', 'rename-command', 'SLAVEOF', name));
    await rename('x');
    return () => rename('SLAVEOF');
  },
);
