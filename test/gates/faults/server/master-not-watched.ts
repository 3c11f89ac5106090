import { directivesOf } from '../../../../infra/redis/conf/directive-values.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { changeFault, parseFields } from '../../server-fault-builders.ts';

export const fault = changeFault(
  {
    what: 'A sentinel does not watch the master',
    criterion: 'quorum',
    remedy: ['sentinel-3: it does not watch mymaster'],
  },
  async (environment) => {
    const sentinel = await environment.admin('sentinel-3');
    const master = parseFields(await sentinel.call('SENTINEL', 'MASTER', 'mymaster'));
    await sentinel.call('SENTINEL', 'REMOVE', 'mymaster');
    const { conf = '' } = (await environment.rendered?.())?.get('sentinel-3') ?? {};
    const directives = directivesOf(conf);
    return async () => {
      const call = (...args: readonly string[]) => sentinel.call('SENTINEL', ...args);
      await call('MONITOR', 'mymaster', master.get('ip') ?? '', master.get('port') ?? '', '2');
      for (const option of [
        'auth-user',
        'auth-pass',
        'down-after-milliseconds',
        'failover-timeout',
        'parallel-syncs',
      ]) {
        await call('SET', 'mymaster', option, directives.get(`sentinel ${option}`)?.split(' ').at(-1) ?? '');
      }
      await waitUntil('the sentinel to know the others', async () => {
        const found = parseFields(await call('MASTER', 'mymaster'));
        return found.get('num-other-sentinels') === '2' && found.get('flags') === 'master';
      });
    };
  },
);
