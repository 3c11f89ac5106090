import { waitUntil } from '../../../support/redis-process.ts';
import { changeFault, parseFields } from '../../server-fault-builders.ts';

/** Sentinels discover each other by messages published on the master. */
export const fault = changeFault(
  {
    what: 'The sentinels count a vote of a sentinel that does not exist',
    criterion: 'quorum',
    remedy: ['it has discovered 3 other sentinels, expected 2', 'SENTINEL RESET mymaster'],
  },
  async (environment) => {
    const masterId = (await environment.masterId()) ?? 'redis-1';
    const { host, port } = (await environment.status()).find(({ id }) => id === masterId)?.address ?? {};
    const master = await environment.admin(masterId);
    const others = async (sentinel: string) => {
      const reply = await (await environment.admin(sentinel)).call('SENTINEL', 'MASTER', 'mymaster');
      return Number(parseFields(reply).get('num-other-sentinels'));
    };
    const sentinels = environment.topology.sentinels.map(({ id }) => id);
    const hello = `127.0.0.1,9,${'f'.repeat(40)},0,mymaster,${host},${port},0`;
    await master.publish('__sentinel__:hello', hello);
    await waitUntil('an additional vote', async () => (await others('sentinel-2')) === 3);
    return async () => {
      for (const id of sentinels) await (await environment.admin(id)).call('SENTINEL', 'RESET', 'mymaster');
      for (const id of sentinels)
        await waitUntil(`${id} to know the others again`, async () => (await others(id)) === 2);
    };
  },
);
