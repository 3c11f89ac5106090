/**
 * Background work of an application: warming, write-behind, analytics, metrics.
 *
 *   node examples/background.ts redis://127.0.0.1:6379
 */
import { CacheAnalytics } from '../client/extras/analytics/index.ts';
import { collectMetrics } from '../client/extras/metrics/index.ts';
import { SharedStatistics } from '../client/extras/shared-statistics.ts';
import { type Change, writeBehind } from '../client/extras/through/write-behind.ts';
import { CacheWarmer, defaultStrategies } from '../client/extras/warming/index.ts';
import { redisCache } from '../client/index.ts';

export async function background(url: string) {
  const rows = new Map<string, unknown>();
  const table = {
    load: (key: string) => rows.get(key),
    store: async (changes: readonly Change<unknown>[]) => {
      for (const change of changes)
        if (change.kind === 'set') rows.set(change.key, change.value);
        else rows.delete(change.key);
    },
  };

  const original = redisCache({ url, namespace: 'background' });
  // #region analytics
  const analytics = new CacheAnalytics(original, { alertBelow: 0.5 });
  analytics.on((event) => console.error(JSON.stringify(event)));
  // Use this instead of the original cache: operations on the original are not counted.
  const cache = analytics.cache;
  // #endregion

  // #region warming
  const warmer = new CacheWarmer(cache, [
    ...defaultStrategies({ criticalData: () => [['config:app', { version: '1.2.0' }]] }),
    {
      name: 'front-page',
      priority: 2,
      // Requires the package croner.
      schedule: '0 5 * * *',
      ttlSeconds: 3600,
      tags: ['front-page'],
      // Values, or functions that are called only for missing keys.
      generate: () => [['page:home', async () => '<html>']],
    },
  ]);
  const reports = await warmer.start();
  // #endregion

  // #region write-behind
  const counters = writeBehind(cache, table, { maxDelayMs: 500, batchSize: 100 });
  counters.on((event) => event.type === 'lost' && console.error(JSON.stringify(event)));
  for (let views = 1; views <= 10; views++) await counters.set('views:home', views);
  // Sends all queued changes and counts lost ones.
  const written = await counters.close();
  // #endregion

  // #region metrics
  const shared = new SharedStatistics(original);
  const text = await collectMetrics(original, [warmer]);
  // #endregion
  await shared.close();
  await warmer.close();
  analytics.close();
  await original.clear();
  await original.close();
  return { reports, written, rows, metrics: text.split('\n').length };
}

if (import.meta.main) console.log(await background(process.argv[2] ?? 'redis://127.0.0.1:6379'));
