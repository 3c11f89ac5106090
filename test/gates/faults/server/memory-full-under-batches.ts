import { setTimeout as sleep } from 'node:timers/promises';
import { changeFault, connectAdmin } from '../../server-fault-builders.ts';

/** Less than an empty server needs, so the server rejects every write. */
const FULL = '1mb';

/** Takes effect at the first batch read, so the load can store its values first. */
export const fault = changeFault(
  {
    what: 'The memory is full once batches are read and written',
    drills: ['batches'],
    criterion: 'availability-batches',
    isTimed: true,
    remedy: ['OOM', 'redis.maxmemory'],
  },
  async (environment) => {
    const nodes = await Promise.all(
      environment.topology.redis.map(({ id }) => connectAdmin(environment, id)),
    );
    const before: string[] = [];
    for (const node of nodes) before.push(((await node.config('GET', 'maxmemory')) as string[])[1] ?? '0');
    const batchesRead = async () => {
      const texts = await Promise.all(nodes.map((node) => node.info('commandstats')));
      return texts.reduce((sum, text) => sum + Number(/^cmdstat_mget:calls=(\d+)/m.exec(text)?.[1] ?? 0), 0);
    };
    const start = await batchesRead();
    const healed = new AbortController();
    const planting = (async () => {
      while (!healed.signal.aborted && (await batchesRead()) === start) await sleep(20);
      if (healed.signal.aborted) return;
      for (const node of nodes) await node.config('SET', 'maxmemory', FULL);
    })();
    planting.catch(() => undefined);
    return async () => {
      healed.abort();
      await planting;
      for (const [i, node] of nodes.entries()) await node.config('SET', 'maxmemory', before[i] ?? '0');
    };
  },
);
