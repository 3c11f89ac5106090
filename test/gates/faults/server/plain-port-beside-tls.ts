import { findFreePort } from '../../../support/redis-process.ts';
import { changeFault } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A plain port is open in addition to the TLS port',
    group: 'encrypted',
    criterion: 'tls',
    remedy: ["redis-2: port is '", 'rendered \'0\': CONFIG SET port "0"'],
  },
  async (environment) => {
    const admin = await environment.admin('redis-2');
    const host = (await environment.status()).find(({ id }) => id === 'redis-2')?.address.host ?? '';
    await admin.config('SET', 'port', String(await findFreePort(host)));
    return async () => void (await admin.config('SET', 'port', '0'));
  },
);
