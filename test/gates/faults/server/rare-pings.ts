import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A sentinel sends one PING per minute',
    criterion: 'configuration-drift',
    remedy: ["sentinel-2: ping-period is '60000', rendered '1000'"],
  },
  async (environment) => {
    const sentinel = await environment.admin('sentinel-2');
    const set = async (periodMs: string) =>
      void (await sentinel.call('SENTINEL', 'DEBUG', 'ping-period', periodMs));
    await set('60000');
    return () => set('1000');
  },
);
