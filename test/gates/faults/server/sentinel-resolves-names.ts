import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A sentinel accepts host names as addresses',
    criterion: 'configuration-drift',
    remedy: ["sentinel-2: sentinel resolve-hostnames is 'yes', rendered 'no'"],
  },
  async (environment) => {
    const sentinel = await environment.admin('sentinel-2');
    const set = async (value: string) =>
      void (await sentinel.call('SENTINEL', 'CONFIG', 'SET', 'resolve-hostnames', value));
    await set('yes');
    return () => set('no');
  },
);
