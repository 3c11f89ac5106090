/** Cost of invalidating a tag, by number of entries, and cost of reading a valid entry with tags. */
import { type Cache, redisCache } from '../../../client/index.ts';
import { inFlight } from '../measure.ts';
import type { BenchRedis } from '../redis.ts';
import type { Goal, Scenario } from '../scenario.ts';

const TAGGED = ['get', 'mget', 'set', 'unlink', 'fcall'];

async function commands(redis: BenchRedis, work: () => Promise<unknown>): Promise<number> {
  const counts = await redis.commands(work);
  return TAGGED.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);
}

const goal = (asks: string, measured: number, bound: number): Goal => ({
  asks: `${asks} <= ${bound}`,
  measured: measured.toFixed(3),
  held: measured <= bound,
});

export const tags: Scenario = {
  id: 'tags',
  title: 'Tag invalidation, and reads of tagged entries',
  async run({ redis, effort }) {
    const cache: Cache = redisCache({ address: { host: redis.host, port: redis.port }, namespace: 't' });
    const sizes = effort >= 5 ? [10_000, 1_000_000] : [1_000, 10_000];
    const rows: { name: string; median: number; best: number; ratio: number }[] = [];
    const goals: Goal[] = [];
    for (const size of sizes) {
      const tag = `of ${size}`;
      await inFlight(size, 500, (i) => cache.set(`${size}:${i}`, i, { tags: [tag, 'all'] }));
      const reads = Math.min(size, 2_000);
      let hits = 0;
      const read = async (): Promise<void> => {
        hits = 0;
        for (let i = 0; i < reads; i++) if ((await cache.get(`${size}:${i}`)) !== undefined) hits += 1;
      };
      await read();
      goals.push(
        goal(`commands per valid read, tag with ${size} entries`, (await commands(redis, read)) / hits, 1.05),
      );
      let ms = 0;
      const spent = await commands(redis, async () => {
        const at = performance.now();
        await cache.invalidateTags(tag);
        ms = performance.now() - at;
      });
      goals.push(goal(`commands per invalidation, tag with ${size} entries`, spent, 1));
      await read();
      if (hits > 0)
        goals.push({ asks: 'no read returns an invalidated entry', measured: `${hits}`, held: false });
      await inFlight(reads, 100, (i) => cache.set(`${size}:${i}`, i, { tags: [tag, 'all'] }));
      goals.push(
        goal(`commands per valid read after the invalidation`, (await commands(redis, read)) / hits, 1.1),
      );
      rows.push({
        name: `invalidate a tag with ${size} entries`,
        median: ms,
        best: ms,
        ratio: ms / (rows[0]?.median ?? ms),
      });
    }
    await cache.close();
    return { unit: 'ms', rows, goals };
  },
};
